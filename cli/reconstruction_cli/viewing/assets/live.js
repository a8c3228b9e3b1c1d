// Shows how far a job is, and its report once there is one. While this page is open the server stays.

const find = (selector) => document.querySelector(selector);
const WIDTH = 440, HEIGHT = 170, LEFT = 46, BOTTOM = 22;

function element(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

/** A line through points, in a drawing whose axes hold all of `points`. */
function chart(title, series, latest) {
  const points = series.flatMap((line) => line.points);
  const section = document.createElement("section"), heading = document.createElement("h2");
  heading.append(title, Object.assign(document.createElement("b"), { textContent: latest }));
  const range = (values) => [Math.min(...values), Math.max(...values)];
  const [left, right] = range(points.map(([x]) => x)), [low, high] = range(points.map(([, y]) => y));
  const x = (value) => LEFT + ((value - left) / (right - left || 1)) * (WIDTH - LEFT - 8);
  const y = (value) => HEIGHT - BOTTOM - ((value - low) / (high - low || 1)) * (HEIGHT - BOTTOM - 10);
  const drawing = element("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${title}: ${latest}` });
  for (const value of [low, (low + high) / 2, high]) {
    drawing.append(element("line", { x1: LEFT, x2: WIDTH - 8, y1: y(value), y2: y(value) }));
    drawing.append(element("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, Number(value.toPrecision(3))));
  }
  drawing.append(element("text", { x: WIDTH - 8, y: HEIGHT - 5, "text-anchor": "end" }, `step ${right}`));
  for (const { points: line, second } of series) {
    const path = line.map(([px, py], index) => `${index ? "L" : "M"}${x(px).toFixed(1)} ${y(py).toFixed(1)}`).join("");
    if (path) drawing.append(element("path", { d: path, class: second ? "second" : "first" }));
  }
  section.append(heading, drawing);
  return section;
}

function charts(history) {
  const known = (column) => history.filter((line) => line[column] !== null).map((line) => [line[0], line[column]]);
  const [loss, psnr, held] = [1, 2, 3].map(known);
  const last = (points) => Number(points.at(-1)[1].toPrecision(4));
  const found = [];
  if (psnr.length > 1) {
    const text = `${last(psnr)} dB${held.length ? `, held out ${last(held)} dB` : ""}`;
    found.push(chart("PSNR", [{ points: psnr }, { points: held, second: true }], text));
  }
  if (loss.length > 1) found.push(chart("Loss", [{ points: loss }], String(last(loss))));
  find("#charts").replaceChildren(...found);
}

function show(moment) {
  if (moment.report) {
    if (find("#report").hidden) find("#report").src = "report.html";
    find("#report").hidden = false;
    find("#live").hidden = true;
    document.title = moment.title;
    return;
  }
  if (moment.title) {
    find("#title").textContent = moment.title;
    document.title = `${moment.title}: ${moment.stage}`;
  }
  find("#stage").textContent = moment.stage;
  find("#message").textContent = moment.ended || moment.message;
  find("#progress").hidden = moment.percent === null;
  if (moment.percent !== null) find("#progress").value = moment.percent;
  find("#picture").hidden = !moment.picture;
  if (moment.picture) find("#picture img").src = `view.jpg?${moment.picture}`;
  charts(moment.history);
}

const events = new EventSource("events");
events.addEventListener("message", (event) => show(JSON.parse(event.data)));
events.addEventListener("error", () => {
  if (find("#report").hidden) find("#stage").textContent = "recon view has ended";
});
