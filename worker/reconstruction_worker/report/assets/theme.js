// Dark and light: as the system has it, until the button is pressed.

function theme() {
  const button = find("#theme");
  const apply = (dark) => {
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    button.textContent = dark ? "Light" : "Dark";
  };
  apply(matchMedia("(prefers-color-scheme: dark)").matches);
  button.addEventListener("click", () => apply(document.documentElement.dataset.theme !== "dark"));
}
