// What three.js shows of an FBX file: positions and texture coordinates of each triangle's corners, which corners have
// which material, the names of the materials' textures, and the unit, as JSON.
import { readFile } from "node:fs/promises";
import * as THREE from "three";
import { FBXLoader } from "three/examples/jsm/loaders/FBXLoader.js";

// Pictures are not decoded: there is no browser.
THREE.TextureLoader.prototype.load = function () {
  return new THREE.Texture();
};
globalThis.window = globalThis;
const bytes = await readFile(process.argv[2]);
const group = new FBXLoader().parse(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength), "");
group.updateMatrixWorld(true);
let mesh;
group.traverse((child) => {
  if (child.isMesh) mesh = child;
});
const positions = mesh.geometry.getAttribute("position").clone().applyMatrix4(mesh.matrixWorld);
const materials = [mesh.material].flat();
console.log(
  JSON.stringify({
    positions: Array.from(positions.array),
    uv: Array.from(mesh.geometry.getAttribute("uv").array),
    textured: materials.every((each) => each.map !== null),
    textures: materials.map((each) => each.map?.name ?? null),
    groups: mesh.geometry.groups,
    unitScaleFactor: group.userData.unitScaleFactor,
  }),
);
