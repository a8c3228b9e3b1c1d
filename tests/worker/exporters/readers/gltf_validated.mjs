// What the Khronos validator says of a file of glTF and of what it refers to, as JSON.
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import validator from "gltf-validator";

const bytes = async (path) => new Uint8Array(await readFile(path));
const file = process.argv[2];
const report = await validator.validateBytes(await bytes(file), {
  uri: file,
  externalResourceFunction: (uri) => bytes(join(dirname(file), decodeURIComponent(uri))),
});
console.log(JSON.stringify(report));
