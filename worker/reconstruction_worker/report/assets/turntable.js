// Plays the turntable from one picture that has all its frames in rows.

async function turntable(film) {
  const canvas = find("#turntable canvas"), slider = find("#turntable input"), button = find("#turntable button");
  const sheet = await decode(film.url), context = canvas.getContext("2d");
  const { columns, frames, width, height } = film;
  canvas.width = width;
  canvas.height = height;
  slider.max = frames - 1;
  const show = (frame) => {
    context.clearRect(0, 0, width, height);
    context.drawImage(sheet, (frame % columns) * width, Math.floor(frame / columns) * height, width, height, 0, 0, width, height);
    slider.value = frame;
    slider.setAttribute("aria-valuetext", `frame ${frame + 1} of ${frames}`);
  };
  const each = (1000 * clamp(film.seconds, 4, 30)) / frames;
  let since = null;
  const step = (now) => {
    if (since === null) return;
    if (now - since >= each) {
      since = now - ((now - since) % each);
      show((Number(slider.value) + 1) % frames);
    }
    requestAnimationFrame(step);
  };
  const play = (on) => {
    since = on ? performance.now() : null;
    button.textContent = on ? "Pause" : "Play";
    if (on) requestAnimationFrame(step);
  };
  button.addEventListener("click", () => play(since === null));
  slider.addEventListener("input", () => { play(false); show(Number(slider.value)); });
  let grabbed = null;
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    grabbed = { x: event.clientX, frame: Number(slider.value) };
    play(false);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!grabbed) return;
    const turned = Math.round(((event.clientX - grabbed.x) / canvas.clientWidth) * frames);
    show((((grabbed.frame + turned) % frames) + frames) % frames);
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { grabbed = null; });
  show(0);
}
