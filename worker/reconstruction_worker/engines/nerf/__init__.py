"""What radiance-field engines share: the posed photos, the training loop, checkpoints and rendering. An engine adds its
model (`RayModel`) and the settings that it derives from the scene."""
