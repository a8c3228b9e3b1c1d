"""Quality of surfaces: of real photos what photos confirm and what the textured mesh shows of held-out ones, of a scene
whose shape is known how near it the surface is. With pictures, for figures alone have been wrong before.
"""
