/* Per-thread modes and the process's counters of the autograd graph. */
#pragma once
static __thread int cg_grad_mode = 1;
static __thread int cg_inference_mode = 0;
static unsigned long long cg_sequence = 1;
