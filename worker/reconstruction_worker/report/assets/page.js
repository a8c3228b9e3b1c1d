// Wires the page to the viewer. Without WebGL 2 the still picture stays and everything else works.

const find = (selector) => document.querySelector(selector);

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

/** The next picture that the browser makes. */
function frame() {
  return new Promise((done) => requestAnimationFrame(done));
}

/** The viewer in place of the still picture, or null where WebGL 2 is missing. */
function view(data, images) {
  const canvas = find("#view"), still = find("#still");
  canvas.hidden = false;
  try {
    const viewer = new Viewer(canvas, data, images);
    still.hidden = true;
    for (const part of document.querySelectorAll("#bar, #tools, #hint")) part.hidden = false;
    canvas.addEventListener("webglcontextlost", () => { canvas.hidden = true; still.hidden = false; });
    return viewer;
  } catch (error) {
    canvas.hidden = true;
    document.documentElement.dataset.viewer = "unavailable";
    return null;
  }
}

async function start() {
  theme();
  comparisons();
  const data = JSON.parse(find("#scene").textContent);
  const [sheet, texture] = await Promise.all([decode(data.sheet.url), data.mesh.texture ? decode(data.mesh.texture) : null]);
  const viewer = view(data, { texture, sheet });
  if (viewer) await frame(); // the model is seen before all else is made
  const buttons = gallery(data, sheet, (index) => {
    if (!viewer) return;
    find("#stage").scrollIntoView({ behavior: "smooth", block: "nearest" });
    viewer.goTo(index);
  });
  if (data.turntable) turntable(data.turntable);
  if (!viewer) return;
  layers(viewer, new Measure(viewer, data.metresPerUnit));
  captions(viewer, data, buttons);
  if (!viewer.surface.solid) find("[data-toggle=cameras]").click(); // points say little without them
  if (data.splats) await showSplats(viewer, data.splats);
  requestAnimationFrame(() => { document.documentElement.dataset.viewer = "ready"; });
}

start();
