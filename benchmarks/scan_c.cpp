// The CPU kernel's algorithm by hand in C++, for benchmarks/scan.py: what a compiler makes of it.
// Tiles of 64 steps; a tile's rows are gathered with softplus; then a block of 16 channels walks
// through the tile with its 16 states in registers; then the gate.
#include <cstdint>
#include <cstdlib>
#include <cstring>

constexpr long LANES = 16, STATES = 16, TILE = 64, AHEAD = 16;
constexpr float LOG2_E = 1.4426950408889634f;

typedef float Row __attribute__((vector_size(4 * LANES)));
typedef int32_t Bits __attribute__((vector_size(4 * LANES)));

static inline Row load(const float *p) {
  Row r;
  memcpy(&r, p, sizeof r);
  return r;
}
static inline void store(float *p, Row r) { memcpy(p, &r, sizeof r); }

static inline Row exp2_(Row x) {
  x = x < -126.0f ? Row{} - 126.0f : x;
  x = x > 128.0f ? Row{} + 128.0f : x;
  Row shifted = x + 12582912.0f, f = x - (shifted - 12582912.0f);
  Row p = f * 1.3264709e-3f + 9.6702284e-3f;
  p = p * f + 5.5507337e-2f;
  p = p * f + 2.4022240e-1f;
  p = p * f + 6.9314703e-1f;
  p = p * f + 1.0f;
  return (Row)((Bits)p + ((Bits)shifted << 23));
}
static inline Row softplus(Row x) {
  Row t = exp2_((x < -x ? x : -x) * LOG2_E), s = t / (t + 2.0f), w = s * s;
  Row p = w * 0.1153846f + 0.0909090909f;
  p = p * w + 0.1111111111f;
  p = p * w + 0.1428571429f;
  p = p * w + 0.2f;
  p = p * w + 0.3333333333f;
  p = p * w + 1.0f;
  return (x < 0.0f ? Row{} : x) + 2.0f * s * p;
}
static inline Row silu(Row x) { return x / (1.0f + exp2_(x * -LOG2_E)); }

// u, delta, z, y: (L, D); A: (D, 16); B, C: (L, G, 16); D_, bias: (D,). 16 divides D / G.
extern "C" void scan(const float *u, const float *delta, const float *A, const float *B,
                     const float *C, const float *D_, const float *bias, const float *z, float *y,
                     long length, long width, long groups) {
  const long heads = width / groups, blocks = heads / LANES;
  const long tile_size = TILE * heads, block_size = STATES * LANES;
  float *scratch = (float *)aligned_alloc(
      64, 4 * (3 * tile_size + 2 * TILE * STATES + 2 * blocks * block_size));
  float *step = scratch, *drive = step + tile_size, *out = drive + tile_size;
  float *tile_B = out + tile_size, *tile_C = tile_B + TILE * STATES;
  float *rates = tile_C + TILE * STATES, *state = rates + blocks * block_size;
  for (long g = 0; g < groups; g++) {
    const long first = g * heads;
    for (long b = 0; b < blocks; b++)
      for (long n = 0; n < STATES; n++)
        for (long j = 0; j < LANES; j++)
          rates[b * block_size + n * LANES + j] =
              A[(first + b * LANES + j) * STATES + n] * LOG2_E;
    memset(state, 0, 4 * blocks * block_size);
    for (long start = 0; start < length; start += TILE) {
      const long steps = length - start < TILE ? length - start : TILE;
      for (long t = 0; t < steps; t++) {
        const long row = start + t;
        memcpy(tile_B + t * STATES, B + (row * groups + g) * STATES, 4 * STATES);
        memcpy(tile_C + t * STATES, C + (row * groups + g) * STATES, 4 * STATES);
        for (long c = 0; c < heads; c += LANES) {
          const long at = row * width + first + c, to = t * heads + c;
          __builtin_prefetch(u + at + AHEAD * width);
          __builtin_prefetch(delta + at + AHEAD * width);
          Row x = load(u + at), dt = softplus(load(delta + at) + load(bias + first + c));
          store(step + to, dt);
          store(drive + to, dt * x);
          store(out + to, x * load(D_ + first + c));
        }
      }
      for (long b = 0; b < blocks; b++) {
        Row h[STATES];
        for (long n = 0; n < STATES; n++) h[n] = load(state + b * block_size + n * LANES);
        for (long t = 0; t < steps; t++) {
          const long at = t * heads + b * LANES;
          Row dt = load(step + at), dtu = load(drive + at), even = load(out + at), odd = Row{};
#pragma GCC unroll 16
          for (long n = 0; n < STATES; n++) {
            Row decay = exp2_(dt * load(rates + b * block_size + n * LANES));
            h[n] = decay * h[n] + dtu * tile_B[t * STATES + n];
            if (n % 2) odd += h[n] * tile_C[t * STATES + n];
            else even += h[n] * tile_C[t * STATES + n];
          }
          store(out + at, even + odd);
        }
        for (long n = 0; n < STATES; n++) store(state + b * block_size + n * LANES, h[n]);
      }
      for (long t = 0; t < steps; t++)
        for (long c = 0; c < heads; c += LANES) {
          const long at = (start + t) * width + first + c;
          __builtin_prefetch(z + at + AHEAD * width);
          store(y + at, load(out + t * heads + c) * silu(load(z + at)));
        }
    }
  }
  free(scratch);
}
