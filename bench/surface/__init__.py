"""Quality of surfaces: of real photos what photos confirm and what the textured mesh shows of held-out ones, of scenes
whose shapes are known how near them the surface is. With pictures, for figures alone have been wrong before.
"""
