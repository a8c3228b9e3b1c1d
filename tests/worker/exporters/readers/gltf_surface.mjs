// What glTF Transform, with the decoders of Draco and meshoptimizer, shows of a file of glTF: positions in the world,
// texture coordinates and triangles of its only primitive, its texture and the extensions it needs, as JSON.
import { NodeIO } from "@gltf-transform/core";
import { ALL_EXTENSIONS } from "@gltf-transform/extensions";
import draco3d from "draco3dgltf";
import { MeshoptDecoder } from "meshoptimizer";

await MeshoptDecoder.ready;
const io = new NodeIO()
  .registerExtensions(ALL_EXTENSIONS)
  .registerDependencies({
    "draco3d.decoder": await draco3d.createDecoderModule(),
    "meshopt.decoder": MeshoptDecoder,
  });
const document = await io.read(process.argv[2]);
const root = document.getRoot();
const [node] = root.listNodes();
const [primitive] = node.getMesh().listPrimitives();
const matrix = node.getWorldMatrix();
const elements = (accessor) => Array.from({ length: accessor.getCount() }, (_, index) => accessor.getElement(index, []));
const placed = ([x, y, z]) =>
  [0, 1, 2].map((row) => matrix[row] * x + matrix[4 + row] * y + matrix[8 + row] * z + matrix[12 + row]);
const [texture] = root.listTextures();
console.log(
  JSON.stringify({
    positions: elements(primitive.getAttribute("POSITION")).map(placed),
    uv: elements(primitive.getAttribute("TEXCOORD_0")),
    indices: Array.from(primitive.getIndices().getArray()),
    mediaType: texture.getMimeType(),
    texture: Buffer.from(texture.getImage()).toString("base64"),
    extensions: root.listExtensionsUsed().map((extension) => extension.extensionName),
  }),
);
