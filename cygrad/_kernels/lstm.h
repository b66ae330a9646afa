/* What a step of an LSTM does between its matrix product and the next: n rows of h cells; gates stand side by side in
 * the order input, forget, cell, output and are the sigmoids and the tanh already. */
#ifndef CG_LSTM_H
#define CG_LSTM_H
#include <stddef.h>
#include "_level.h"

#define CG_LSTM(T, S)                                                                                                  \
    /* to = of + bias, row by row */                                                                                   \
    CG_LEVELED static void cg_lstm_gates_##S(ptrdiff_t n, ptrdiff_t width, const T *restrict of,                       \
                                             const T *restrict bias, T *restrict to)                                   \
    {                                                                                                                  \
        for (ptrdiff_t i = 0; i < n; i++, of += width, to += width)                                                    \
            for (ptrdiff_t j = 0; j < width; j++) to[j] = of[j] + bias[j];                                             \
    }                                                                                                                  \
    /* c = forget * c + input * cell */                                                                                \
    CG_LEVELED static void cg_lstm_cell_##S(ptrdiff_t n, ptrdiff_t h, const T *restrict gates, T *restrict c)          \
    {                                                                                                                  \
        for (ptrdiff_t i = 0; i < n; i++, gates += 4 * h, c += h)                                                      \
            for (ptrdiff_t j = 0; j < h; j++) c[j] = gates[h + j] * c[j] + gates[j] * gates[2 * h + j];                \
    }                                                                                                                  \
    /* state = out = output * tanh(c) */                                                                               \
    CG_LEVELED static void cg_lstm_output_##S(ptrdiff_t n, ptrdiff_t h, const T *restrict gates,                       \
                                              const T *restrict tanh_c, T *restrict state, T *restrict out)            \
    {                                                                                                                  \
        for (ptrdiff_t i = 0; i < n; i++, gates += 4 * h, tanh_c += h, state += h, out += h)                           \
            for (ptrdiff_t j = 0; j < h; j++) state[j] = out[j] = gates[3 * h + j] * tanh_c[j];                        \
    }                                                                                                                  \
    /* From the gradients g of the output, dh of the state and dc of the cell after the step those of the gates before \
     * their functions, and in dc that of the cell before the step. */                                                 \
    CG_LEVELED static void cg_lstm_back_##S(ptrdiff_t n, ptrdiff_t h, const T *restrict gates, const T *restrict prev, \
                                            const T *restrict tanh_c, const T *restrict g, const T *restrict dh,       \
                                            T *restrict dc, T *restrict to)                                            \
    {                                                                                                                  \
        for (ptrdiff_t i = 0; i < n; i++) {                                                                            \
            for (ptrdiff_t j = 0; j < h; j++) {                                                                        \
                const T in = gates[j], forget = gates[h + j], cell = gates[2 * h + j], o = gates[3 * h + j];           \
                const T d = g[j] + dh[j], t = tanh_c[j], c = dc[j] + d * o * (1 - t * t);                              \
                to[j] = c * cell * (in * (1 - in));                                                                    \
                to[h + j] = c * prev[j] * (forget * (1 - forget));                                                     \
                to[2 * h + j] = c * in * (1 - cell * cell);                                                            \
                to[3 * h + j] = d * t * (o * (1 - o));                                                                 \
                dc[j] = c * forget;                                                                                    \
            }                                                                                                          \
            gates += 4 * h, to += 4 * h, prev += h, tanh_c += h, g += h, dh += h, dc += h;                             \
        }                                                                                                              \
    }

CG_LSTM(float, f32)
CG_LSTM(double, f64)
#undef CG_LSTM
#endif
