// The model and the cameras as WebGL objects.

const SURFACE_VERTEX = `#version 300 es
uniform mat4 clip; uniform vec3 low, span; uniform bool textured; uniform sampler2D picture; uniform float pointSize;
layout(location = 0) in vec3 position; layout(location = 1) in vec3 normal;
layout(location = 2) in vec2 uv; layout(location = 3) in vec3 colour; layout(location = 4) in float support;
out vec3 shade; out vec3 facing; out vec2 place; out float level;
void main() {
  gl_Position = clip * vec4(low + position * span, 1.0);
  gl_PointSize = clamp(pointSize / gl_Position.w, 1.5, 14.0);
  facing = normal; place = uv; level = support;
  shade = textured ? textureLod(picture, uv, 1.0).rgb : colour;
}`;
const SURFACE_FRAGMENT = `#version 300 es
precision highp float;
uniform int mode; uniform bool textured; uniform sampler2D picture; uniform vec3 back, up, line;
in vec3 shade; in vec3 facing; in vec2 place; in float level; out vec4 result;

vec3 confidence() { // as --support-0 to 3 in the page's style; told apart by the colour-blind, too
  return level < 0.5 ? vec3(0.75, 0.21, 0.34) : level < 1.5 ? vec3(0.96, 0.60, 0.25)
       : level < 2.5 ? vec3(0.98, 0.87, 0.55) : vec3(0.27, 0.52, 0.72);
}

void main() {
  if (mode == 3) {
    vec2 off = gl_PointCoord - 0.5;
    if (dot(off, off) > 0.25) discard;
    result = vec4(shade, 1.0); return;
  }
  if (mode == 4) { result = vec4(line, 1.0); return; }
  vec3 normal = normalize(gl_FrontFacing ? facing : -facing);
  float light = 0.34 + 0.52 * max(dot(normal, back), 0.0) + 0.16 * max(dot(normal, up), 0.0);
  vec3 seen = mode == 0 ? (textured ? texture(picture, place).rgb : shade)
            : (mode == 6 ? 1.08 * confidence() : mode == 1 ? vec3(0.83, 0.81, 0.78) : vec3(0.93, 0.945, 0.96)) * light;
  result = vec4(gl_FrontFacing ? seen : seen * 0.6, 1.0);
}`;
const CAMERA_VERTEX = `#version 300 es
uniform mat4 clip; layout(location = 0) in vec3 position; layout(location = 1) in vec2 uv; out vec2 place;
void main() { gl_Position = clip * vec4(position, 1.0); place = uv; }`;
const CAMERA_FRAGMENT = `#version 300 es
precision highp float;
uniform vec4 colour; uniform bool photo; uniform sampler2D picture; in vec2 place; out vec4 result;
void main() { result = photo ? vec4(texture(picture, place).rgb, colour.a) : colour; }`;

function bytes(text) {
  const binary = atob(text);
  const result = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) result[i] = binary.charCodeAt(i);
  return result;
}

function program(gl, vertex, fragment) {
  const result = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(result, shader);
  }
  gl.linkProgram(result);
  if (!gl.getProgramParameter(result, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(result));
  return { id: result, at: (name) => gl.getUniformLocation(result, name) };
}

function attribute(gl, location, data, width, type, normalised) {
  gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ARRAY_BUFFER, data, gl.STATIC_DRAW);
  gl.enableVertexAttribArray(location);
  gl.vertexAttribPointer(location, width, type, normalised, 0, 0);
}

function pictureTexture(gl, image, mipmaps) {
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB8, gl.RGB, gl.UNSIGNED_BYTE, image);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, mipmaps ? gl.LINEAR_MIPMAP_LINEAR : gl.LINEAR);
  if (mipmaps) {
    gl.generateMipmap(gl.TEXTURE_2D);
    const sharp = gl.getExtension("EXT_texture_filter_anisotropic");
    if (sharp) gl.texParameterf(gl.TEXTURE_2D, sharp.TEXTURE_MAX_ANISOTROPY_EXT, 8);
  }
  return texture;
}

/** Each edge of the triangles once. */
function edges(indices, vertexCount) {
  const seen = new Set();
  const result = [];
  for (let i = 0; i < indices.length; i += 3) {
    for (let k = 0; k < 3; k++) {
      const a = indices[i + k], b = indices[i + ((k + 1) % 3)];
      const key = Math.min(a, b) * vertexCount + Math.max(a, b);
      if (!seen.has(key)) { seen.add(key); result.push(a, b); }
    }
  }
  return new Uint32Array(result);
}

/** A mesh, or points alone: then without normals and indices, and only mode 3 (points) can be drawn. */
class Surface {
  constructor(gl, mesh, image) {
    this.gl = gl;
    this.mesh = mesh;
    this.program = program(gl, SURFACE_VERTEX, SURFACE_FRAGMENT);
    this.vertices = gl.createVertexArray();
    gl.bindVertexArray(this.vertices);
    attribute(gl, 0, bytes(mesh.positions), 3, gl.UNSIGNED_SHORT, true);
    if (mesh.normals) attribute(gl, 1, bytes(mesh.normals), 3, gl.BYTE, true);
    if (mesh.uv) attribute(gl, 2, bytes(mesh.uv), 2, gl.UNSIGNED_SHORT, true);
    if (mesh.colours) attribute(gl, 3, bytes(mesh.colours), 3, gl.UNSIGNED_BYTE, true);
    if (mesh.support) attribute(gl, 4, bytes(mesh.support), 1, gl.UNSIGNED_BYTE, false);
    this.solid = Boolean(mesh.indices);
    if (this.solid) {
      this.indices = new Uint32Array(bytes(mesh.indices).buffer);
      this.triangles = this.elements(this.indices);
    }
    this.texture = image ? pictureTexture(gl, image, true) : null;
  }

  /** The vertices in the world's coordinates, three numbers each. */
  world() {
    if (!this.places) {
      const { low, high } = this.mesh, steps = new Uint16Array(bytes(this.mesh.positions).buffer);
      this.places = Float32Array.from(steps, (step, i) => low[i % 3] + (step / 65535) * (high[i % 3] - low[i % 3]));
    }
    return this.places;
  }

  elements(data) {
    const buffer = this.gl.createBuffer();
    this.gl.bindBuffer(this.gl.ELEMENT_ARRAY_BUFFER, buffer);
    this.gl.bufferData(this.gl.ELEMENT_ARRAY_BUFFER, data, this.gl.STATIC_DRAW);
    return { buffer, count: data.length };
  }

  draw(clip, pose, mode, pixelsPerUnit, lineColour) {
    const { gl, program: { id, at }, mesh } = this;
    gl.useProgram(id);
    gl.bindVertexArray(this.vertices);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    gl.uniformMatrix4fv(at("clip"), false, clip);
    gl.uniform3fv(at("low"), mesh.low);
    gl.uniform3fv(at("span"), subtract(mesh.high, mesh.low));
    gl.uniform3fv(at("back"), pose.back);
    gl.uniform3fv(at("up"), pose.up);
    gl.uniform3fv(at("line"), lineColour);
    gl.uniform1i(at("textured"), this.texture ? 1 : 0);
    gl.uniform1f(at("pointSize"), pixelsPerUnit);
    gl.uniform1i(at("mode"), mode);
    if (mode === 3) { gl.drawArrays(gl.POINTS, 0, mesh.vertexCount); return; }
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.triangles.buffer);
    if (mode === 2) { gl.enable(gl.POLYGON_OFFSET_FILL); gl.polygonOffset(1, 1); }
    gl.drawElements(gl.TRIANGLES, this.triangles.count, gl.UNSIGNED_INT, 0);
    gl.disable(gl.POLYGON_OFFSET_FILL);
    if (mode === 2) {
      this.lines ??= this.elements(edges(this.indices, mesh.vertexCount));
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.lines.buffer);
      gl.uniform1i(at("mode"), 4);
      gl.drawElements(gl.LINES, this.lines.count, gl.UNSIGNED_INT, 0);
    }
  }
}

/** Pyramids at the cameras' places, each with its photo as base. */
class Cameras {
  constructor(gl, list, sheet, image, size) {
    this.gl = gl;
    this.list = list.map((camera) => ({ ...camera, ...Cameras.corners(camera, size) }));
    this.program = program(gl, CAMERA_VERTEX, CAMERA_FRAGMENT);
    this.texture = pictureTexture(gl, image, false);
    const lines = [], quads = [], places = [];
    for (const camera of this.list) {
      const [a, b, c, d] = camera.base;
      for (const corner of camera.base) lines.push(...camera.pose.eye, ...corner);
      lines.push(...a, ...b, ...b, ...c, ...c, ...d, ...d, ...a);
      const left = (camera.cell % sheet.columns) / sheet.columns, top = Math.floor(camera.cell / sheet.columns) / sheet.rows;
      const inset = 0.004, w = 1 / sheet.columns, h = 1 / sheet.rows;
      const at = (x, y) => [left + w * clamp(x, inset, 1 - inset), top + h * clamp(y, inset, 1 - inset)];
      quads.push(...a, ...b, ...c, ...a, ...c, ...d);
      places.push(...at(0, 0), ...at(1, 0), ...at(1, 1), ...at(0, 0), ...at(1, 1), ...at(0, 1));
    }
    this.pyramids = gl.createVertexArray();
    gl.bindVertexArray(this.pyramids);
    attribute(gl, 0, new Float32Array(lines), 3, gl.FLOAT, false);
    this.photos = gl.createVertexArray();
    gl.bindVertexArray(this.photos);
    attribute(gl, 0, new Float32Array(quads), 3, gl.FLOAT, false);
    attribute(gl, 1, new Float32Array(places), 2, gl.FLOAT, false);
  }

  /** A camera's pose, and the corners of its photo `size` in front of it: upper left, upper right, lower right, lower left. */
  static corners(camera, size) {
    const m = camera.matrix;
    const column = (i) => [m[i], m[4 + i], m[8 + i]];
    const pose = { right: column(0), up: column(1), back: column(2), eye: column(3), tanY: camera.tanY };
    const corner = (x, y) => add(pose.eye, times(add(add(times(pose.right, x * camera.tanX), times(pose.up, y * camera.tanY)), times(pose.back, -1)), size));
    return { pose, base: [corner(-1, 1), corner(1, 1), corner(1, -1), corner(-1, -1)] };
  }

  /** All pyramids and photos, or the photo of camera `only` alone; `opacity` is that of the photos. */
  draw(clip, colours, opacity, only) {
    const { gl, program: { id, at } } = this;
    gl.useProgram(id);
    gl.uniformMatrix4fv(at("clip"), false, clip);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    gl.uniform1i(at("photo"), 1);
    gl.uniform4f(at("colour"), 0, 0, 0, opacity);
    gl.bindVertexArray(this.photos);
    if (opacity > 0) gl.drawArrays(gl.TRIANGLES, only === null ? 0 : 6 * only, only === null ? 6 * this.list.length : 6);
    gl.uniform1i(at("photo"), 0);
    gl.bindVertexArray(this.pyramids);
    if (only === null) {
      this.list.forEach((camera, index) => {
        gl.uniform4fv(at("colour"), camera.heldOut ? colours.heldOut : colours.used);
        gl.drawArrays(gl.LINES, 16 * index, 16);
      });
    }
    gl.disable(gl.BLEND);
  }
}
