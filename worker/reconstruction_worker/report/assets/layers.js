// What the viewer shows, and what it can do: the buttons around it.

const press = (button, on) => button.setAttribute("aria-pressed", String(on));

/** The buttons of the bar and the tools. `measure` may be null. */
function layers(viewer, measure) {
  const stage = find("#stage"), legend = find("#legend");
  const cameras = find("[data-toggle=cameras]"), photos = find("[data-toggle=photos]");
  const showPhotos = (on) => {
    viewer.showPhotos = on;
    press(photos, on);
    return on;
  };
  const toggles = {
    cameras: () => showPhotos(viewer.toggleCameras()), // the cameras come with their photos, and take them away
    photos: () => {
      if (!viewer.showCameras) press(cameras, viewer.toggleCameras());
      return showPhotos(!viewer.showPhotos);
    },
    turn: () => viewer.toggleTurning(),
    measure: () => measure.toggle(),
  };
  stage.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const { mode, toggle, action } = button.dataset;
    if (mode) {
      viewer.chosen = true;
      viewer.mode = MODES[mode];
      stage.querySelectorAll("[data-mode]").forEach((other) => press(other, other === button));
      if (legend) legend.hidden = mode !== "confidence";
    }
    if (toggle) press(button, toggles[toggle]());
    if (action === "reset") viewer.reset();
    if (action === "fullscreen") document.fullscreenElement ? document.exitFullscreen() : stage.requestFullscreen();
    viewer.redraw();
  });
}

/** The name of the photo through whose camera the view looks, and how strongly it is laid over. */
function captions(viewer, data, buttons) {
  const caption = find("#caption"), slider = find("#caption input");
  slider.addEventListener("input", () => { viewer.photoOpacity = slider.value / 100; viewer.redraw(); });
  viewer.onArrive = (index) => {
    caption.hidden = index === null;
    caption.querySelector("span").textContent = index === null ? "" : data.cameras[index].name;
    buttons.forEach((button, other) => press(button, other === index));
  };
}
