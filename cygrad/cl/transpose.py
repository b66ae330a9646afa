"""Copies between layouts whose neighbours differ, for the gpu schedule: through a tile in local memory, so that
neighbouring work-items read neighbouring elements and write neighbouring elements."""

import struct

from cygrad.cl import _launch

RANK = 8  # dimensions besides the two of a tile
SIDE = 32  # of a tile
LEAST = 8  # a dimension shorter than this fills too little of a tile
WORDS = {1: "uchar", 2: "ushort", 4: "uint", 8: "ulong", 16: "ulong2"}

# A group of SIDE x ROWS work-items copies a tile.  `i` runs where the output's neighbours are, `j` where the input's
# are.  Rows of the tile are one longer than it is wide: else a column of it would lie in one bank of local memory.
SOURCE = """
typedef struct { long ni, nj, oj, xi, nd, size[RANK], o[RANK], x[RANK]; } Space;
kernel __attribute__((reqd_work_group_size(SIDE, ROWS, 1)))
void transpose(global T *out, long oo, global const T *x, long ox, const Space s)
{
    local T tile[SIDE][SIDE + 1];
    const int a = get_local_id(0), b = get_local_id(1);
    const long tiles = (s.ni + SIDE - 1)/SIDE, i0 = get_group_id(0) % tiles*SIDE, j0 = get_group_id(1)*SIDE;
    ulong u = get_group_id(0)/tiles;
    for (int k = 0; k < s.nd; k++) {
        const ulong q = u/(ulong)s.size[k];
        const long r = u - q*(ulong)s.size[k];
        oo += r*s.o[k], ox += r*s.x[k];
        u = q;
    }
    for (int r = b; r < SIDE; r += ROWS)
        if (i0 + r < s.ni && j0 + a < s.nj) tile[r][a] = x[ox + (i0 + r)*s.xi + j0 + a];
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int r = b; r < SIDE; r += ROWS)
        if (i0 + a < s.ni && j0 + r < s.nj) out[oo + (j0 + r)*s.oj + i0 + a] = tile[a][r];
}
"""


def transpose(out, x):
    """Copies x to out, of one shape and dtype, if their neighbours lie in different dimensions; else returns False."""
    device, *to, sizes, o_steps = _launch.place(out)
    _, *of, _, x_steps = _launch.place(x)
    dims = [d for d in zip(sizes, o_steps, x_steps, strict=True) if d[0] != 1]
    merged = []
    for n, o, s in sorted(dims, key=lambda d: (d[1], d[2])):  # innermost in the output first
        if merged and o == merged[-1][0] * merged[-1][1] and s == merged[-1][0] * merged[-1][2]:
            merged[-1] = (n * merged[-1][0], *merged[-1][1:])
        else:
            merged.append((n, o, s))
    i = next((d for d in merged if d[1] == 1), None)
    j = next((d for d in merged if d[2] == 1), None)
    if i is None or j is None or i is j or min(i[0], j[0]) < LEAST or device.group < SIDE:
        return False
    rest = [d for d in merged if d is not i and d is not j]
    if len(rest) > RANK:
        return False
    many = 1
    for d in rest:
        many *= d[0]
    columns = [[d[k] for d in rest] + [0] * (RANK - len(rest)) for k in range(3)]
    space = struct.pack(f"{5 + 3 * RANK}q", i[0], j[0], j[1], i[2], len(rest), *(v for c in columns for v in c))
    rows, size = min(device.group // SIDE, 8), x.itemsize

    def make():
        return f"#define T {WORDS[size]}\n#define SIDE {SIDE}\n#define ROWS {rows}\n#define RANK {RANK}\n{SOURCE}"

    kernel = _launch.kernel(device, ("transpose", size), "transpose", make)
    tiles = -(-i[0] // SIDE), -(-j[0] // SIDE)
    _launch.run(device, kernel, (many * tiles[0] * SIDE, tiles[1] * rows), (SIDE, rows), *to, *of, space)
    return True
