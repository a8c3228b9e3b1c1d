// What glTF Transform reads from a GLB file: the vertex attributes of its only primitive, by name, as JSON.
import { readFile } from "node:fs/promises";
import { NodeIO } from "@gltf-transform/core";

const document = await new NodeIO().readBinary(new Uint8Array(await readFile(process.argv[2])));
const [primitive] = document.getRoot().listMeshes()[0].listPrimitives();
const attributes = {};
for (const name of primitive.listSemantics()) {
  const accessor = primitive.getAttribute(name);
  attributes[name] = Array.from({ length: accessor.getCount() }, (_, index) => accessor.getElement(index, []));
}
console.log(JSON.stringify({ mode: primitive.getMode(), attributes }));
