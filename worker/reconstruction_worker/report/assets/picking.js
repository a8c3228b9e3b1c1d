// What lies under a place of the picture: of a surface the first triangle on the ray, of points the nearest one.

const POINT_REACH = 18; // CSS pixels around a click in which a point is found

/** The ray through a place of the picture; x and y from -1 to 1, y upwards. */
function rayThrough(pose, aspect, x, y) {
  const across = add(times(pose.right, x * pose.tanY * aspect), times(pose.up, y * pose.tanY));
  return { origin: pose.eye, direction: unit(subtract(across, pose.back)) };
}

/** Where a ray first meets triangles (Möller and Trumbore 1997), or null. `places` has three numbers a vertex. */
function firstHit(places, indices, { origin: [ox, oy, oz], direction: [dx, dy, dz] }) {
  let nearest = Infinity;
  for (let i = 0; i < indices.length; i += 3) {
    const a = 3 * indices[i], b = 3 * indices[i + 1], c = 3 * indices[i + 2];
    const ax = places[a], ay = places[a + 1], az = places[a + 2];
    const ux = places[b] - ax, uy = places[b + 1] - ay, uz = places[b + 2] - az;
    const vx = places[c] - ax, vy = places[c + 1] - ay, vz = places[c + 2] - az;
    const px = dy * vz - dz * vy, py = dz * vx - dx * vz, pz = dx * vy - dy * vx;
    const volume = ux * px + uy * py + uz * pz;
    if (volume === 0) continue;
    const tx = ox - ax, ty = oy - ay, tz = oz - az;
    const first = (tx * px + ty * py + tz * pz) / volume;
    if (first < 0 || first > 1) continue;
    const qx = ty * uz - tz * uy, qy = tz * ux - tx * uz, qz = tx * uy - ty * ux;
    const second = (dx * qx + dy * qy + dz * qz) / volume;
    if (second < 0 || first + second > 1) continue;
    const distance = (vx * qx + vy * qy + vz * qz) / volume;
    if (distance > 0 && distance < nearest) nearest = distance;
  }
  return nearest < Infinity ? [ox + nearest * dx, oy + nearest * dy, oz + nearest * dz] : null;
}

/** Of points, the one that is drawn nearest to a place of the canvas, or null where none is near. */
function nearestPoint(places, onScreen, [x, y]) {
  let best = null, least = POINT_REACH;
  for (let i = 0; i < places.length; i += 3) {
    const point = [places[i], places[i + 1], places[i + 2]], at = onScreen(point);
    const away = at ? Math.hypot(at[0] - x, at[1] - y) : Infinity;
    if (away < least) { least = away; best = point; }
  }
  return best;
}
