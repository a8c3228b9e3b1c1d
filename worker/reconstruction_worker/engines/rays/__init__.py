"""What engines share that learn from single camera rays: nerfacto and vanilla-nerf. An engine adds its model
(`RayModel`) and the settings that it derives from the scene."""
