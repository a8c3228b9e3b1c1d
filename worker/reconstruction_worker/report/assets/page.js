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

async function start() {
  theme();
  comparisons();
  const data = JSON.parse(find("#scene").textContent);
  const sheet = await decode(data.sheet.url);
  const texture = data.mesh.texture ? await decode(data.mesh.texture) : null;
  let viewer = null;
  const buttons = gallery(data, sheet, (index) => {
    if (!viewer) return;
    find("#stage").scrollIntoView({ behavior: "smooth", block: "nearest" });
    viewer.goTo(index);
  });
  if (data.turntable) turntable(data.turntable);
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
  for (const part of document.querySelectorAll("#bar, #tools, #hint")) part.hidden = false;
  canvas.addEventListener("webglcontextlost", () => { canvas.hidden = true; find("#still").hidden = false; });
  layers(viewer, new Measure(viewer, data.metresPerUnit));
  captions(viewer, data, buttons);
  if (!viewer.surface.solid) find("[data-toggle=cameras]").click(); // points say little without them
  if (data.splats) await showSplats(viewer, data.splats);
  requestAnimationFrame(() => { document.documentElement.dataset.viewer = "ready"; });
}

start();
