// Two pictures of one view, one laid over the other up to a line that can be moved.

/** Each figure has a picture below, others above of which one is shown, and a slider that covers them. */
function comparisons() {
  for (const figure of document.querySelectorAll(".compare")) {
    const slider = figure.querySelector("input"), pair = figure.querySelector(".pair");
    const split = () => pair.style.setProperty("--split", `${slider.value}%`);
    slider.addEventListener("input", split);
    split();
  }
  const choice = find("#against");
  choice?.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    choice.querySelectorAll("button").forEach((other) => press(other, other === button));
    for (const picture of document.querySelectorAll(".compare img.above")) {
      picture.hidden = picture.dataset.kind !== button.dataset.kind;
    }
    for (const label of document.querySelectorAll(".compare .right")) label.textContent = button.textContent;
  });
}
