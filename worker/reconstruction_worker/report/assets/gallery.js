// The photos as buttons, drawn from the sheet of thumbnails.

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
