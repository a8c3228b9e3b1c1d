// The scale of a job from one length that somebody knows: the lines of YAML that say so.

/** A coordinate, or a length, as the spec has decimals: text. */
const decimal = (value) => `"${Number(value.toFixed(6))}"`;
const place = (point) => `[${point.map(decimal).join(", ")}]`;

/** What to put into the job's file for `metres` between two points of the model. */
function knownDistanceYaml([start, end], metres) {
  return [
    "spec:",
    "  poses:",
    "    knownDistance:",
    `      start: ${place(start)}`,
    `      end: ${place(end)}`,
    `      metres: ${decimal(metres)}`,
  ].join("\n");
}

/** The form in which the length is entered. `measured` gives the two points, and `onScale` hears of a new scale. */
function knownDistanceForm(form, measured, onScale) {
  const input = form.querySelector("input"), result = form.querySelector(".yaml");
  const text = result.querySelector("textarea"), copied = result.querySelector("[role=status]");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const points = measured(), metres = Number(input.value);
    const apart = points.length === 2 ? norm(subtract(points[0], points[1])) : 0;
    if (!(metres > 0) || !(apart > 0)) return;
    onScale(metres / apart);
    text.value = knownDistanceYaml(points, metres);
    copied.textContent = "";
    result.hidden = false;
  });
  result.querySelector("button").addEventListener("click", async () => {
    text.select();
    try {
      await navigator.clipboard.writeText(text.value);
      copied.textContent = "Copied";
    } catch (error) {
      copied.textContent = document.execCommand("copy") ? "Copied" : "Press Ctrl+C to copy";
    }
  });
}
