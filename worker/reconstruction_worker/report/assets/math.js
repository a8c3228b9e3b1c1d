// Vectors are arrays of three. Matrices for WebGL are column by column. The world is right-handed, z up.

const add = (a, b) => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
const subtract = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const times = (a, s) => [a[0] * s, a[1] * s, a[2] * s];
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const norm = (a) => Math.hypot(a[0], a[1], a[2]);
const unit = (a) => times(a, 1 / (norm(a) || 1));
const blend = (a, b, t) => add(times(a, 1 - t), times(b, t));
const clamp = (x, low, high) => Math.min(Math.max(x, low), high);

/** A pose looks along -back: { eye, right, up, back, tanY }. tanY is the tangent of half the vertical field of view. */
function orbitPose(orbit, tanY) {
  const { target, distance, yaw, pitch } = orbit;
  const flat = Math.cos(pitch);
  const back = [Math.sin(yaw) * flat, -Math.cos(yaw) * flat, Math.sin(pitch)];
  const right = [Math.cos(yaw), Math.sin(yaw), 0];
  return { eye: add(target, times(back, distance)), right, up: cross(back, right), back, tanY };
}

/** The orbit around the point nearest to `centre` on a pose's line of sight; the pose's roll is lost. */
function poseOrbit(pose, centre) {
  const distance = Math.max(dot(subtract(pose.eye, centre), pose.back), 1e-3);
  return {
    target: subtract(pose.eye, times(pose.back, distance)),
    distance,
    yaw: Math.abs(pose.back[2]) > 0.999 ? Math.atan2(pose.right[1], pose.right[0]) : Math.atan2(pose.back[0], -pose.back[1]),
    pitch: Math.asin(clamp(pose.back[2], -1, 1)),
  };
}

/** A pose between two others, made orthonormal again. */
function blendPoses(a, b, t) {
  const back = unit(blend(a.back, b.back, t));
  const rough = blend(a.up, b.up, t);
  const right = unit(cross(rough, back));
  return { eye: blend(a.eye, b.eye, t), right, up: cross(back, right), back, tanY: a.tanY + (b.tanY - a.tanY) * t };
}

/** Projection times view, for clip coordinates. */
function clipMatrix(pose, aspect, near, far) {
  const { eye, right, up, back, tanY } = pose;
  const x = 1 / (tanY * aspect), y = 1 / tanY, c = -(far + near) / (far - near), d = (-2 * far * near) / (far - near);
  const r = -dot(right, eye), u = -dot(up, eye), b = -dot(back, eye);
  return new Float32Array([
    x * right[0], y * up[0], c * back[0], -back[0],
    x * right[1], y * up[1], c * back[1], -back[1],
    x * right[2], y * up[2], c * back[2], -back[2],
    x * r, y * u, c * b + d, -b,
  ]);
}

/** Clip coordinates of a point; w is its distance along the line of sight. */
function project(matrix, p) {
  const at = (row) => matrix[row] * p[0] + matrix[4 + row] * p[1] + matrix[8 + row] * p[2] + matrix[12 + row];
  return { x: at(0) / at(3), y: at(1) / at(3), w: at(3) };
}
