// Wires the page to the viewer. Without WebGL 2 the still picture stays and everything else works.

const find = (selector) => document.querySelector(selector);

function theme() {
  const button = find("#theme");
  const apply = (dark) => {
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    button.textContent = dark ? "Light" : "Dark";
  };
  apply(matchMedia("(prefers-color-scheme: dark)").matches);
  button.addEventListener("click", () => apply(document.documentElement.dataset.theme !== "dark"));
}

function decode(url) {
  const image = new Image();
  image.src = url;
  return image.decode().then(() => image);
}

/** Splats for the viewer: all that the device draws in time, on a phone no more than are seen most. */
async function loadSplats(viewer, { data, count, coarse, levels }) {
  const phone = matchMedia("(pointer: coarse)").matches;
  const unpacked = unpackSplats(await unzipped(bytes(data)), phone ? coarse : count);
  viewer.splats = new Splats(viewer.gl, unpacked, levels, () => viewer.redraw());
}

/** The photos as buttons, drawn from the sheet of thumbnails. */
function gallery(data, sheet, choose) {
  const width = sheet.naturalWidth / data.sheet.columns, height = sheet.naturalHeight / data.sheet.rows;
  const buttons = data.cameras.map((camera, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "photo";
    button.title = camera.name;
    const canvas = document.createElement("canvas");
    const aspect = camera.tanX / camera.tanY;
    canvas.width = Math.round(aspect >= 1 ? width : width * aspect);
    canvas.height = Math.round(aspect >= 1 ? height / aspect : height);
    const x = (camera.cell % data.sheet.columns) * width, y = Math.floor(camera.cell / data.sheet.columns) * height;
    canvas.getContext("2d").drawImage(sheet, x, y, width, height, 0, 0, canvas.width, canvas.height);
    const label = document.createElement("span");
    label.textContent = camera.name;
    if (camera.heldOut) {
      const mark = document.createElement("b");
      mark.textContent = "held out · ";
      label.prepend(mark);
    }
    button.append(canvas, label);
    button.addEventListener("click", () => choose(index));
    return button;
  });
  find("#photos").append(...buttons);
  return buttons;
}

function controls(viewer, data, buttons) {
  const bar = find("#bar"), caption = find("#caption"), slider = find("#caption input");
  const press = (button, on) => button.setAttribute("aria-pressed", String(on));
  bar.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const { mode, toggle, action } = button.dataset;
    if (mode) {
      viewer.chosen = true;
      viewer.mode = MODES[mode];
      bar.querySelectorAll("[data-mode]").forEach((other) => press(other, other === button));
    }
    if (toggle) press(button, viewer.toggleCameras());
    if (action === "reset") viewer.reset();
    if (action === "fullscreen") document.fullscreenElement ? document.exitFullscreen() : find("#stage").requestFullscreen();
    viewer.redraw();
  });
  slider.addEventListener("input", () => { viewer.photoOpacity = slider.value / 100; viewer.redraw(); });
  viewer.onArrive = (index) => {
    caption.hidden = index === null;
    caption.querySelector("span").textContent = index === null ? "" : data.cameras[index].name;
    buttons.forEach((button, other) => press(button, other === index));
  };
}

/** The mesh is shown until the splats are there, and stays where this browser can't show them. */
async function showSplats(viewer, splats) {
  const button = find("[data-mode=splats]");
  try {
    await loadSplats(viewer, splats);
  } catch (error) {
    document.documentElement.dataset.splats = "unavailable";
    return;
  }
  button.hidden = false;
  if (!viewer.chosen) button.click();
  document.documentElement.dataset.splats = String(viewer.splats.levels.at(-1).count); // that may be drawn
}

async function start() {
  theme();
  const data = JSON.parse(find("#scene").textContent);
  const sheet = await decode(data.sheet.url);
  const texture = data.mesh.texture ? await decode(data.mesh.texture) : null;
  let viewer = null;
  const buttons = gallery(data, sheet, (index) => {
    if (!viewer) return;
    find("#stage").scrollIntoView({ behavior: "smooth", block: "nearest" });
    viewer.goTo(index);
  });
  const canvas = find("#view");
  canvas.hidden = false;
  try {
    viewer = new Viewer(canvas, data, { texture, sheet });
  } catch (error) {
    canvas.hidden = true;
    document.documentElement.dataset.viewer = "unavailable";
    return;
  }
  find("#still").hidden = true;
  find("#bar").hidden = find("#hint").hidden = false;
  canvas.addEventListener("webglcontextlost", () => { canvas.hidden = true; find("#still").hidden = false; });
  controls(viewer, data, buttons);
  if (!viewer.surface.solid) find("[data-toggle=cameras]").click(); // points say little without them
  if (data.splats) await showSplats(viewer, data.splats);
  requestAnimationFrame(() => { document.documentElement.dataset.viewer = "ready"; });
}

start();
