// Gaussian splats: unpacked from SPZ (version 3), sorted by depth a little at a time, drawn as ellipses.

const SPLATS_A_ROW = 1024;
const SORT_SLICE = 1 << 15; // splats between two looks at the clock
const SORT_BUDGET_MS = 4; // of a frame
const SAME_DIRECTION = 0.9999; // cosine; the order of depths does not change while the view only moves
const FAST_MS = 50, SLOW_MS = 150; // frames that allow more splats, or ask for fewer

// Two texels a splat: position and colour; rotation, sizes and 8 unused bytes. Rotation and sizes are as in the file.
const SPLAT_VERTEX = `#version 300 es
precision highp float; precision highp int; precision highp usampler2D;
uniform usampler2D data; uniform mat3 turn; uniform vec3 eye; uniform vec2 size; uniform float focal, growth; uniform bool antialiased;
layout(location = 0) in vec2 corner; layout(location = 1) in uint which;
out vec2 offset; out vec4 colour;

float part(uint bits) { return (bits & 512u) != 0u ? -float(bits & 511u) : float(bits & 511u); }

vec4 rotation(uint packed) { // x, y, z, w; the largest is left out, and follows from the others
  vec3 kept = vec3(part(packed >> 20u), part(packed >> 10u), part(packed)) * (0.70710678 / 511.0);
  float rest = sqrt(max(0.0, 1.0 - dot(kept, kept)));
  uint largest = packed >> 30u;
  return largest == 0u ? vec4(rest, kept) : largest == 1u ? vec4(kept.x, rest, kept.yz)
       : largest == 2u ? vec4(kept.xy, rest, kept.z) : vec4(kept, rest);
}

mat3 axes(vec4 q) {
  vec3 d = q.xyz + q.xyz, w = q.w * d;
  vec3 square = q.xyz * d, mixed = q.xyz * d.yzx; // xx yy zz, xy yz zx
  return mat3(1.0 - square.y - square.z, mixed.x + w.z, mixed.z - w.y,
              mixed.x - w.z, 1.0 - square.x - square.z, mixed.y + w.x,
              mixed.z + w.y, mixed.y - w.x, 1.0 - square.x - square.y);
}

void main() {
  ivec2 texel = ivec2(2 * int(which % ${SPLATS_A_ROW}u), int(which / ${SPLATS_A_ROW}u));
  uvec4 first = texelFetch(data, texel, 0), second = texelFetch(data, texel + ivec2(1, 0), 0);
  vec3 centre = turn * (uintBitsToFloat(first.xyz) - eye); // x right, y down, z forward
  gl_Position = vec4(0.0, 0.0, 2.0, 1.0); // outside, unless it is seen
  colour = vec4((first.www >> uvec3(0u, 8u, 16u)) & 255u, first.w >> 24u) / 255.0;
  if (centre.z < 1e-4 ) return;
  vec3 sizes = growth * exp(vec3((second.yyy >> uvec3(0u, 8u, 16u)) & 255u) / 16.0 - 10.0);
  mat3 own = turn * axes(rotation(second.x));
  own = mat3(own[0] * sizes.x, own[1] * sizes.y, own[2] * sizes.z);
  vec2 limit = 0.65 * size / focal, slope = clamp(centre.xy / centre.z, -limit, limit);
  vec3 across = focal / centre.z * vec3(1.0, 0.0, -slope.x), down = focal / centre.z * vec3(0.0, 1.0, -slope.y);
  vec3 u = across * own, v = down * own;
  float xx = dot(u, u), xy = dot(u, v), yy = dot(v, v), sharp = max(xx * yy - xy * xy, 0.0); // in pixels
  xx += 0.3; yy += 0.3; // a pixel has a width of its own
  if (antialiased) colour.a *= sqrt(sharp / (xx * yy - xy * xy));
  if (colour.a * 255.0 < 1.0) return;
  float middle = 0.5 * (xx + yy), apart = length(vec2(0.5 * (xx - yy), xy));
  vec2 axis = apart < 1e-6 ? vec2(1.0, 0.0) : xx >= yy ? normalize(vec2(apart + 0.5 * (xx - yy), xy)) : normalize(vec2(xy, apart + 0.5 * (yy - xx)));
  float reach = sqrt(2.0 * log(colour.a * 255.0));
  offset = corner * reach;
  vec2 pixels = offset.x * sqrt(middle + apart) * axis + offset.y * sqrt(max(middle - apart, 0.1)) * vec2(-axis.y, axis.x);
  vec2 place = (focal * centre.xy / centre.z + pixels) / (0.5 * size);
  gl_Position = vec4(place.x, -place.y, 0.0, 1.0);
}`;
const SPLAT_FRAGMENT = `#version 300 es
precision highp float;
in vec2 offset; in vec4 colour; out vec4 result;
void main() {
  float alpha = min(0.99, colour.a * exp(-0.5 * dot(offset, offset)));
  if (alpha < 1.0 / 255.0) discard;
  result = vec4(colour.rgb * alpha, alpha);
}`;

/** The bytes of a gzip stream. Rejects where the browser can't unpack one. */
async function unzipped(packed) {
  const stream = new DecompressionStream("gzip"), writer = stream.writable.getWriter();
  const unpacked = new Response(stream.readable).arrayBuffer();
  await Promise.all([writer.write(packed), writer.close(), unpacked]);
  return new Uint8Array(await unpacked);
}

/** The first `wanted` splats of an unpacked SPZ file: `positions` (three numbers each), `texels` for the
 *  shader, and whether they are `antialiased`. */
function unpackSplats(file, wanted) {
  const header = new DataView(file.buffer, file.byteOffset);
  if (header.getUint32(0, true) !== 0x5053474e || header.getUint32(4, true) !== 3) throw new Error("not SPZ, version 3");
  const stored = header.getUint32(8, true), count = Math.min(wanted, stored), scale = 2 ** -file[13];
  const alphas = 16 + 9 * stored, colours = alphas + stored, sizes = colours + 3 * stored, turns = sizes + 3 * stored;
  const positions = new Float32Array(3 * count);
  const texels = new Uint32Array(8 * SPLATS_A_ROW * Math.ceil(count / SPLATS_A_ROW));
  const bits = new Uint32Array(positions.buffer);
  const shown = Uint8Array.from({ length: 256 }, (_, byte) => 255 * clamp(((byte / 255 - 0.5) / 0.15) * 0.28209479 + 0.5, 0, 1) + 0.5);
  for (let i = 0, at = 16; i < 3 * count; i++, at += 3) {
    positions[i] = (((file[at] | (file[at + 1] << 8) | (file[at + 2] << 16)) << 8) >> 8) * scale;
  }
  for (let i = 0; i < count; i++) {
    const c = colours + 3 * i, s = sizes + 3 * i, t = turns + 4 * i, to = 8 * i;
    texels[to] = bits[3 * i];
    texels[to + 1] = bits[3 * i + 1];
    texels[to + 2] = bits[3 * i + 2];
    texels[to + 3] = shown[file[c]] | (shown[file[c + 1]] << 8) | (shown[file[c + 2]] << 16) | (file[alphas + i] << 24);
    texels[to + 4] = file[t] | (file[t + 1] << 8) | (file[t + 2] << 16) | (file[t + 3] << 24);
    texels[to + 5] = file[s] | (file[s + 1] << 8) | (file[s + 2] << 16);
  }
  return { count, positions, texels, antialiased: Boolean(file[14] & 1) };
}

/** Splats from the farthest to the nearest: a counting sort that is interrupted after each slice. */
class DepthOrder {
  constructor(positions) {
    this.positions = positions;
    this.count = positions.length / 3;
    this.depths = new Float32Array(this.count);
    this.keys = new Uint16Array(this.count);
    this.starts = new Uint32Array(65537);
    this.order = new Uint32Array(this.count);
    this.sorted = 0; // as many of `order` are valid
    this.direction = [0, 0, 0];
    this.running = null;
  }

  /** Work towards the order of the first `count` along `direction` for so long. Whether `order` has just changed. */
  advance(direction, count, milliseconds) {
    if (!this.running) {
      if (count === this.sorted && dot(direction, this.direction) > SAME_DIRECTION) return false;
      this.direction = direction;
      this.running = this.sorting(direction, count);
    }
    const end = performance.now() + milliseconds;
    do {
      if (this.running.next().done) {
        this.running = null;
        return true;
      }
    } while (performance.now() < end);
    return false;
  }

  *sorting([x, y, z], count) {
    const { positions, depths, keys, starts, order } = this;
    let low = Infinity, high = -Infinity;
    for (let from = 0; from < count; from += SORT_SLICE) {
      for (let i = from, to = Math.min(from + SORT_SLICE, count); i < to; i++) {
        const depth = x * positions[3 * i] + y * positions[3 * i + 1] + z * positions[3 * i + 2];
        depths[i] = depth;
        if (depth < low) low = depth;
        if (depth > high) high = depth;
      }
      yield;
    }
    starts.fill(0);
    const scale = 65535 / Math.max(high - low, 1e-9);
    for (let from = 0; from < count; from += SORT_SLICE) {
      for (let i = from, to = Math.min(from + SORT_SLICE, count); i < to; i++) {
        keys[i] = (high - depths[i]) * scale;
        starts[keys[i] + 1]++;
      }
      yield;
    }
    for (let key = 0; key < 65536; key++) starts[key + 1] += starts[key];
    for (let from = 0; from < count; from += SORT_SLICE) {
      for (let i = from, to = Math.min(from + SORT_SLICE, count); i < to; i++) order[starts[keys[i]]++] = i;
      yield;
    }
    this.sorted = count;
  }
}

/** Splats in as much detail as the device draws in time. `levels` says how many may be shown, the fewest first, and how
 *  much larger each is then, so that it stands in for others. */
class Splats {
  /** `unpacked` is what `unpackSplats` gives. `onDetail` is called when there is more, or less, to be drawn. */
  constructor(gl, unpacked, levels, onDetail) {
    this.gl = gl;
    this.antialiased = unpacked.antialiased;
    this.levels = levels.filter(({ count }) => count <= unpacked.count);
    this.level = 0;
    this.finest = this.levels.length - 1; // that is not too slow
    this.onDetail = onDetail;
    this.measuring = false;
    this.order = new DepthOrder(unpacked.positions);
    this.drawn = null; // the level of what was sorted last
    this.program = program(gl, SPLAT_VERTEX, SPLAT_FRAGMENT);
    this.texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    const rows = unpacked.texels.length / (8 * SPLATS_A_ROW);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA32UI, 2 * SPLATS_A_ROW, rows, 0, gl.RGBA_INTEGER, gl.UNSIGNED_INT, unpacked.texels);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
    this.vertices = gl.createVertexArray();
    gl.bindVertexArray(this.vertices);
    attribute(gl, 0, new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1]), 2, gl.FLOAT, false);
    this.indices = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, this.indices);
    gl.bufferData(gl.ARRAY_BUFFER, 4 * unpacked.count, gl.DYNAMIC_DRAW);
    gl.enableVertexAttribArray(1);
    gl.vertexAttribIPointer(1, 1, gl.UNSIGNED_INT, 0, 0);
    gl.vertexAttribDivisor(1, 1);
  }

  /** What a pose sees. False while the order is still an earlier one: then it has to be drawn again. */
  draw(pose, width, height) {
    const { gl, program: { id, at }, order } = this;
    const { right, up, back, eye } = pose;
    const budget = order.sorted ? SORT_BUDGET_MS : Infinity; // the first picture is right at once
    gl.bindVertexArray(this.vertices);
    if (order.advance(times(back, -1), this.levels[this.level].count, budget)) {
      gl.bindBuffer(gl.ARRAY_BUFFER, this.indices);
      gl.bufferSubData(gl.ARRAY_BUFFER, 0, order.order, 0, order.sorted);
      this.drawn = this.levels.find(({ count }) => count === order.sorted);
    }
    gl.useProgram(id);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    gl.uniformMatrix3fv(at("turn"), false, [0, 1, 2].flatMap((i) => [right[i], -up[i], -back[i]]));
    gl.uniform3fv(at("eye"), eye);
    gl.uniform2f(at("size"), width, height);
    gl.uniform1f(at("focal"), height / (2 * pose.tanY));
    gl.uniform1f(at("growth"), this.drawn.growth);
    gl.uniform1i(at("antialiased"), this.antialiased ? 1 : 0);
    gl.disable(gl.DEPTH_TEST);
    gl.depthMask(false);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, this.drawn.count);
    gl.disable(gl.BLEND);
    gl.depthMask(true);
    gl.enable(gl.DEPTH_TEST);
    if (this.drawn === this.levels[this.level]) this.measure();
    return !order.running;
  }

  /** Choose the level by how long the device takes for what was drawn last. */
  measure() {
    const { gl } = this;
    if (this.measuring || (this.level === this.finest && this.level === 0)) return;
    this.measuring = true;
    const fence = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0), start = performance.now();
    gl.flush();
    const look = () => {
      const took = performance.now() - start, state = gl.clientWaitSync(fence, 0, 0);
      if (state === gl.TIMEOUT_EXPIRED) { requestAnimationFrame(look); return; }
      gl.deleteSync(fence);
      this.measuring = false;
      const before = this.level;
      if (took > SLOW_MS && this.level > 0) this.finest = --this.level;
      else if (took < FAST_MS && this.level < this.finest) this.level++;
      if (this.level !== before) this.onDetail();
    };
    requestAnimationFrame(look);
  }
}
