// What glTF Transform, with the decoders of Draco and meshoptimizer, shows of a file of glTF: positions in the world,
// texture coordinates, triangles and picture of each primitive, the first of them on their own, and the extensions it
// needs, as JSON.
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
const matrix = node.getWorldMatrix();
const elements = (accessor) => Array.from({ length: accessor.getCount() }, (_, index) => accessor.getElement(index, []));
const placed = ([x, y, z]) =>
  [0, 1, 2].map((row) => matrix[row] * x + matrix[4 + row] * y + matrix[8 + row] * z + matrix[12 + row]);
const parts = node.getMesh().listPrimitives().map((primitive) => ({
  positions: elements(primitive.getAttribute("POSITION")).map(placed),
  uv: elements(primitive.getAttribute("TEXCOORD_0")),
  indices: Array.from(primitive.getIndices().getArray()),
  mediaType: primitive.getMaterial().getBaseColorTexture().getMimeType(),
  texture: Buffer.from(primitive.getMaterial().getBaseColorTexture().getImage()).toString("base64"),
}));
console.log(
  JSON.stringify({
    ...parts[0],
    parts,
    extensions: root.listExtensionsUsed().map((extension) => extension.extensionName),
  }),
);
