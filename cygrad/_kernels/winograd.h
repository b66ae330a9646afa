/* Convolutions with 3x3 kernels of stride 1 by Winograd's transforms (winograd_tiles.h): tiles of 2x2 output pixels, for
 * each of the 16 numbers of a transform one product over the channels, done by panels (conv_panels.h). */
#ifndef CG_WINOGRAD_H
#define CG_WINOGRAD_H
#include "_kernels/conv_panels.h"

typedef struct {
    ptrdiff_t channels, padded;         /* of the images; rounded up to whole vectors */
    ptrdiff_t rows;                     /* channels of the other side */
    ptrdiff_t size[2], pad[2], out[2];  /* of the images, their padding, and of the output */
    ptrdiff_t tiles[2], line;           /* tiles of an image, pixels of a padded row */
    ptrdiff_t image_step;               /* elements of a padded image [row][pixel][channel] */
    ptrdiff_t chunk;                    /* tiles transformed at a time */
    const ptrdiff_t *at, *steps;        /* i * padded, i */
} cg_winograd;

/* Elements from one of the 16 numbers of `n` transforms to the next: not a power of two, or all would meet in the same
 * few lines of the cache. */
static ptrdiff_t cg_plane(ptrdiff_t n, ptrdiff_t width)
{
    return n * width + 16;
}

/* An image by pixels, into a buffer whose border is zero. */
static void cg_by_pixels(const cg_tiles_f32 *t, const cg_winograd *w, const float *x, float *image)
{
    for (ptrdiff_t y = 0; y < w->size[0]; y++)
        t->transpose(w->channels, w->size[1], x + y * w->size[1], w->size[0] * w->size[1],
                     image + ((y + w->pad[0]) * w->line + w->pad[1]) * w->padded, w->padded);
}

/* Tile number i of the images held, transformed to v. */
static void cg_tile_pixels(const cg_tiles_f32 *t, const cg_winograd *w, const float *images, ptrdiff_t i, float *v,
                           ptrdiff_t plane)
{
    const ptrdiff_t per = w->tiles[0] * w->tiles[1], y = i % per / w->tiles[1], x = i % w->tiles[1];
    t->from_pixels(w->padded, images + i / per * w->image_step + (2 * y * w->line + 2 * x) * w->padded,
                   w->line * w->padded, w->padded, v, plane);
}

/* Where the tile's four pixels lie in panels of pixels, `wide` elements each; NULL outside. */
static void cg_tile_places(const cg_winograd *w, ptrdiff_t i, const float *panels, ptrdiff_t wide, const float **to)
{
    const ptrdiff_t per = w->tiles[0] * w->tiles[1], y = i % per / w->tiles[1] * 2, x = i % w->tiles[1] * 2;
    for (int k = 0; k < 4; k++) {
        const ptrdiff_t r = y + k / 2, c = x + k % 2;
        to[k] = r < w->out[0] && c < w->out[1] ? panels + ((i / per * w->out[0] + r) * w->out[1] + c) * wide : NULL;
    }
}

/* u[block][16][channel][row] from panels[channel and tap][row], blocks [first, last) */
static void cg_winograd_weights(const cg_tiles_f32 *t, const cg_winograd *w, const float *panels, int flipped, float *u,
                                ptrdiff_t first, ptrdiff_t last)
{
    for (ptrdiff_t b = first; b < last; b++) {
        const ptrdiff_t r = b * 2 * t->vw, wide = cg_width_f32(t, w->rows, b);
        for (ptrdiff_t c = 0; c < w->channels; c++)
            t->from_weights(wide, panels + r * 9 * w->channels + (9 * c + (flipped ? 8 : 0)) * wide,
                            flipped ? -wide : wide, u + r * 16 * w->channels + c * wide, w->channels * wide);
    }
}

/* Tiles [from, to) of `pixels` pixels' images: sums[pixel][row] = bias[row] + the products.  v: 16 * chunk * padded,
 * m: 16 * chunk * two vectors. */
static void cg_winograd_tiles(const cg_tiles_f32 *t, const cg_winograd *w, const float *images, const float *u,
                              const float *bias, float *v, float *m, float *sums, ptrdiff_t pixels, ptrdiff_t from,
                              ptrdiff_t to)
{
    const ptrdiff_t plane = cg_plane(w->chunk, w->padded);
    for (; from < to; from += w->chunk) {
        const ptrdiff_t n = to - from < w->chunk ? to - from : w->chunk;
        for (ptrdiff_t i = 0; i < n; i++) cg_tile_pixels(t, w, images, from + i, v + i * w->padded, plane);
        for (ptrdiff_t r = 0; r < w->rows; r += 2 * t->vw) {
            const ptrdiff_t wide = cg_width_f32(t, w->rows, r / (2 * t->vw));
            float some[2 * 16] = {0};
            const float *to_pixel[4];
            memcpy(some, bias + r, (w->rows - r < wide ? w->rows - r : wide) * sizeof(float));
            const ptrdiff_t out = cg_plane(n, wide);
            memset(m, 0, 16 * out * sizeof(float));
            for (int q = 0; q < 16; q++)
                for (ptrdiff_t c = 0; c < w->channels; c += CG_DEPTH) {
                    const ptrdiff_t depth = w->channels - c < CG_DEPTH ? w->channels - c : CG_DEPTH;
                    const float *panel = u + r * 16 * w->channels + (q * w->channels + c) * wide;
                    for (ptrdiff_t p = 0; p < n; p += t->ar)
                        t->gathered[(n - p < t->ar ? n - p : t->ar) - 1][wide / t->vw - 1](
                            depth, v + q * plane, w->at + p, w->steps + c, panel, m + q * out + p * wide);
                }
            for (ptrdiff_t i = 0; i < n; i++) {
                cg_tile_places(w, from + i, sums + r * pixels, wide, to_pixel);
                t->to_pixels(wide, m + i * wide, out, some, (float *const *)to_pixel);
            }
        }
    }
}

/* Images [from, to), at most `held` at a time, through buffers of one thread's; c: how the output lies. */
static void cg_winograd_images(const cg_tiles_f32 *t, const cg_winograd *w, const cg_product *c, const float *x, float *y,
                               const float *u, const float *bias, float *images, float *v, float *m, float *sums,
                               ptrdiff_t held, ptrdiff_t from, ptrdiff_t to)
{
    const ptrdiff_t in = w->channels * w->size[0] * w->size[1], area = w->out[0] * w->out[1];
    const ptrdiff_t per = w->tiles[0] * w->tiles[1], blocks = (w->rows + 2 * t->vw - 1) / (2 * t->vw);
    for (; from < to; from += held) {
        const ptrdiff_t n = to - from < held ? to - from : held;
        for (ptrdiff_t i = 0; i < n; i++) cg_by_pixels(t, w, x + (from + i) * in, images + i * w->image_step);
        cg_winograd_tiles(t, w, images, u, bias, v, m, sums, n * area, 0, n * per);
        for (ptrdiff_t i = 0; i < n; i++)
            cg_settle_f32(t, c, i * area, n * area, sums, NULL, y + (from + i) * w->rows * area, 0, blocks);
    }
}

/* Both operands of the weight gradient for tiles [from, to) of `n`: v[16][tile][channel], y[block][16][tile][row]. */
static void cg_winograd_operands(const cg_tiles_f32 *t, const cg_winograd *w, const float *images, const float *panels,
                                 ptrdiff_t pixels, float *v, float *y, ptrdiff_t n, ptrdiff_t from, ptrdiff_t to)
{
    for (ptrdiff_t i = from; i < to; i++) {
        cg_tile_pixels(t, w, images, i, v + i * w->padded, cg_plane(n, w->padded));
        for (ptrdiff_t r = 0; r < w->rows; r += 2 * t->vw) {
            const ptrdiff_t wide = cg_width_f32(t, w->rows, r / (2 * t->vw));
            const float *four[4];
            cg_tile_places(w, i, panels + r * pixels, wide, four);
            t->from_gradient(wide, four, y + r / (2 * t->vw) * 16 * cg_plane(n, 2 * t->vw) + i * wide, cg_plane(n, wide));
        }
    }
}

/* sums[block][16][channel][row] += the products of `n` tiles; parts [from, to) of blocks, transforms, channels. */
static void cg_winograd_weigh(const cg_tiles_f32 *t, const cg_winograd *w, const float *v, const float *y, float *sums,
                              ptrdiff_t n, ptrdiff_t from, ptrdiff_t to)
{
    const ptrdiff_t across = (w->channels + t->ar - 1) / t->ar;
    for (ptrdiff_t i = from; i < to; i++) {
        const ptrdiff_t r = i / across / 16 * 2 * t->vw, q = i / across % 16, c = i % across * t->ar;
        const ptrdiff_t wide = cg_width_f32(t, w->rows, r / (2 * t->vw));
        const ptrdiff_t rest = w->channels - c < t->ar ? w->channels - c : t->ar;
        for (ptrdiff_t p = 0; p < n; p += CG_DEPTH)
            t->gathered[rest - 1][wide / t->vw - 1](
                n - p < CG_DEPTH ? n - p : CG_DEPTH, v + q * cg_plane(n, w->padded), w->steps + c, w->at + p,
                y + r / (2 * t->vw) * 16 * cg_plane(n, 2 * t->vw) + q * cg_plane(n, wide) + p * wide, sums + r * 16 * w->channels + (q * w->channels + c) * wide);
    }
}

/* panels[channel and tap][row] from the sums, blocks [first, last) */
static void cg_winograd_unweigh(const cg_tiles_f32 *t, const cg_winograd *w, const float *sums, float *panels,
                                ptrdiff_t first, ptrdiff_t last)
{
    for (ptrdiff_t b = first; b < last; b++) {
        const ptrdiff_t r = b * 2 * t->vw, wide = cg_width_f32(t, w->rows, b);
        for (ptrdiff_t c = 0; c < w->channels; c++)
            t->to_weights(wide, sums + r * 16 * w->channels + c * wide, w->channels * wide,
                          panels + r * 9 * w->channels + 9 * c * wide, wide);
    }
}
#endif
