/* What the convolution's loops are written against: a CPU level's table of register tiles (conv_tiles.h), and the shapes
 * of a product and of the padded image that it reads. */
#ifndef CG_CONV_TABLE_H
#define CG_CONV_TABLE_H
#include <stddef.h>
#include <string.h>

typedef struct { ptrdiff_t g, b, n; } cg_segment;   /* offsets into both operands, and pixels (a multiple of VW) */

#define CG_TABLE(T, NAME) \
    typedef struct { \
        int vw, mr, nv, gr, gt, ar; \
        void (*product[8][3])(ptrdiff_t, const T *, const ptrdiff_t *, const T *, const T *, T *); \
        void (*correlate[4][6])(ptrdiff_t, const cg_segment *, const T *, ptrdiff_t, const T *, const ptrdiff_t *, \
                                T *, ptrdiff_t); \
        void (*gathered[8][2])(ptrdiff_t, const T *, const ptrdiff_t *, const ptrdiff_t *, const T *, T *); \
        void (*transpose)(ptrdiff_t, ptrdiff_t, const T *, ptrdiff_t, T *, ptrdiff_t); \
        void (*from_pixels)(ptrdiff_t, const T *, ptrdiff_t, ptrdiff_t, T *, ptrdiff_t); \
        void (*from_weights)(ptrdiff_t, const T *, ptrdiff_t, T *, ptrdiff_t); \
        void (*to_pixels)(ptrdiff_t, const T *, ptrdiff_t, const T *, T *const *); \
        void (*from_gradient)(ptrdiff_t, const T *const *, T *, ptrdiff_t); \
        void (*to_weights)(ptrdiff_t, const T *, ptrdiff_t, T *, ptrdiff_t); \
    } NAME;
CG_TABLE(float, cg_tiles_f32)
CG_TABLE(double, cg_tiles_f64)

/* One product of a flat padded image with packed weights: what a convolution, its input gradient and a transposed
 * convolution all come to.  Three spatial dimensions; fewer are of size 1. */
typedef struct {
    ptrdiff_t taps, rows;           /* (input channel, tap) pairs; output channels */
    ptrdiff_t count[3];             /* output pixels in each dimension */
    ptrdiff_t plane, line;          /* steps of the padded image from one depth, one row to the next */
    ptrdiff_t out_row, out_at, out_step[3]; /* steps in the output: channel, first pixel, pixel in each dimension */
    int mr;                         /* rows per packed block */
} cg_product;

/* Where the padded image of `channels` channels comes from: dimension i of the image is split by `split[i]` phases (the
 * stride of a convolution, 1 elsewhere), index q of phase r shows source index q * split + r - pad. */
typedef struct {
    ptrdiff_t channels, channel_step, size[3], step[3];   /* the source */
    ptrdiff_t pad[3], split[3], length[3];                /* the image; length of a phase */
    const unsigned char *used;                            /* which of the phases are read */
} cg_image;
#endif
