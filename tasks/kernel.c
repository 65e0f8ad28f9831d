/* The functions that take most of the time: aligning images, and comparing bit patterns.

   Each function has a reference in numpy, which defines and explains it. The functions here process one image or pair
   at a time. Their results have the same bits on every processor: they only add, subtract, multiply, divide and take
   square roots, which IEEE 754 rounds exactly. Sums have eight lanes, which are added in a fixed order, and the compiler
   must not contract operations (-ffp-contract=off). Memory is on the stack or belongs to the caller, so threads share
   none.

   Images are float, row after row; their side is a multiple of eight, at most 64. Constants equal those of the
   references; tests/kernel compares each function with its reference. */

#include <math.h>
#include <stdint.h>
#include <string.h>

#ifndef NAME
#define NAME(function) function /* kernel_avx2.c has the same functions by other names */
#endif
#define PART static inline

int32_t NAME(kernel_version)(void) { return 11; }

enum { LANES = 8, SIDE = 64, PIXELS = SIDE * SIDE, SMALL = 16, MARGIN = 16 };

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef int32_t ivec __attribute__((vector_size(4 * LANES)));

PART vec load(const float *from) {
    vec values;
    memcpy(&values, from, sizeof values);
    return values;
}

PART void store(float *to, vec values) { memcpy(to, &values, sizeof values); }

PART vec all(float value) { return (vec){value, value, value, value, value, value, value, value}; }

PART vec where(ivec mask, vec one, vec other) { return (vec)(((ivec)one & mask) | ((ivec)other & ~mask)); }

PART double total(vec v) {
    return (((double)v[0] + v[4]) + ((double)v[1] + v[5])) + (((double)v[2] + v[6]) + ((double)v[3] + v[7]));
}

PART float coordinate(int number, int side) { return (number + 0.5f) * (2.0f / side) - 1; }

PART void halve(const float *image, int side, float *half) {
    for (int row = 0; row < side; row += 2)
        for (int column = 0; column < side; column += 2) {
            const float *at = image + row * side + column;
            *half++ = ((at[0] + at[side]) + (at[1] + at[side + 1])) * 0.25f;
        }
}

/* Return whether the first image of a pair is not that of the pair before: the candidates of an image follow each other,
   and share what is computed from it. */
PART int is_new(const float *first, const float *before, int64_t pixels) {
    return !before || memcmp(first, before, pixels * sizeof *first);
}

void NAME(quarter)(const uint8_t *gray, int64_t count, float *small) {
    for (; count--; gray += PIXELS)
        for (int row = 0; row < SIDE; row += 4)
            for (int column = 0; column < SIDE; column += 4) {
                int sum = 0;
                for (int at = 0; at < 16; at++) sum += gray[(row + at / 4) * SIDE + column + at % 4];
                *small++ = (float)sum / 16;
            }
}

/* ---- an image as it lies under another: tasks/registration/warp.py ---- */

PART void warp(const float *image, int side, const float *map, float *values, float *inside) {
    float line[SIDE], half = side / 2.0f, first = side / 2.0f - 0.5f, last = side - 1.001f;
    for (int column = 0; column < side; column++) line[column] = coordinate(column, side);
    for (int row = 0; row < side; row++) {
        vec u_row = all(map[1] * line[row] + map[2]), v_row = all(map[4] * line[row] + map[5]);
        for (int column = 0; column < side; column += LANES) {
            vec x = load(line + column), u = x * map[0] + u_row, v = x * map[3] + v_row;
            ivec there = (u <= 1) & (u >= -1) & (v <= 1) & (v >= -1);
            u = u * half + first, v = v * half + first;
            u = where(u > 0, u, all(0)), v = where(v > 0, v, all(0));
            u = where(u < last, u, all(last)), v = where(v < last, v, all(last));
            ivec i = __builtin_convertvector(u, ivec), j = __builtin_convertvector(v, ivec), at = j * side + i;
            u -= __builtin_convertvector(i, vec), v -= __builtin_convertvector(j, vec);
            float corner[4][LANES];
            for (int lane = 0; lane < LANES; lane++) {
                const float *pixel = image + at[lane];
                corner[0][lane] = pixel[0], corner[1][lane] = pixel[1];
                corner[2][lane] = pixel[side], corner[3][lane] = pixel[side + 1];
            }
            vec top = load(corner[0]), bottom = load(corner[2]);
            top += (load(corner[1]) - top) * u, bottom += (load(corner[3]) - bottom) * u;
            store(values + row * side + column, top + (bottom - top) * v);
            store(inside + row * side + column, where(there, all(1), all(0)));
        }
    }
}

/* ---- refining a map by Gauss-Newton steps: tasks/registration/align.py ---- */

typedef struct {
    float values[PIXELS], right[PIXELS], down[PIXELS]; /* of an image: in standard deviations, and their slopes */
} slopes;

PART void take_slopes(const float *image, int side, slopes *of) {
    int pixels = side * side;
    vec sum = all(0), squares = all(0);
    for (int at = 0; at < pixels; at += LANES) sum += load(image + at);
    vec mean = all((float)(total(sum) / pixels));
    for (int at = 0; at < pixels; at += LANES) {
        vec off = load(image + at) - mean;
        squares += off * off;
    }
    float deviation = (float)sqrt(total(squares) / pixels) + 0.1f, per = side / 4.0f;
    for (int at = 0; at < pixels; at += LANES) store(of->values + at, (load(image + at) - mean) / deviation);
    for (int row = 0; row < side; row++) {
        const float *here = of->values + row * side;
        const float *above = row ? here - side : here, *below = row < side - 1 ? here + side : here;
        float *right = of->right + row * side, *down = of->down + row * side;
        float over = row && row < side - 1 ? per : 2 * per;
        for (int column = 0; column < side; column++) down[column] = (below[column] - above[column]) * over;
        for (int column = 1; column < side - 1; column++) right[column] = (here[column + 1] - here[column - 1]) * per;
        right[0] = (here[1] - here[0]) * (2 * per), right[side - 1] = (here[side - 1] - here[side - 2]) * (2 * per);
    }
}

/* Sums over an image of what is multiplied with 1, x, y, x x, x y and y y, in this order. */
typedef struct {
    vec of[6];
} moments;

PART void add_row(moments *to, vec plain, vec with_x, vec with_xx, float y, int squares) {
    to->of[0] += plain, to->of[1] += with_x, to->of[2] += plain * y;
    if (squares) to->of[3] += with_xx, to->of[4] += with_x * y, to->of[5] += plain * (y * y);
}

/* The sums of a Gauss-Newton step: its matrix is symmetric, so that the lower half is enough. */
PART void sum_step(const slopes *of, const float *values, const float *inside, int side, double a[8][8], double b[8]) {
    int pixels = side * side;
    vec sum = all(0), count = all(0), squares = all(0);
    for (int at = 0; at < pixels; at += LANES) count += load(inside + at), sum += load(inside + at) * load(values + at);
    double weight = total(count) + 1e-6;
    vec mean = all((float)(total(sum) / weight));
    for (int at = 0; at < pixels; at += LANES) {
        vec off = load(values + at) - mean;
        squares += load(inside + at) * off * off;
    }
    vec scale = all(1 / ((float)sqrt(total(squares) / weight) + 0.05f));

    /* Products of the slopes to the right and down: right right, right down, down down. */
    moments slope[3] = {}, with_value[2] = {}, with_one[2] = {}, with_error[2] = {};
    vec value_value = all(0), value_one = all(0), one_one = all(0), value_error = all(0), one_error = all(0);
    float line[SIDE];
    for (int column = 0; column < side; column++) line[column] = coordinate(column, side);
    for (int row = 0; row < side; row++) {
        vec s[3][3] = {}, v[2][2] = {}, o[2][2] = {}, e[2][2] = {}; /* sums of this row, times 1, x and x x */
        for (int column = 0; column < side; column += LANES) {
            int at = row * side + column;
            vec x = load(line + column), value = load(of->values + at);
            vec right = load(of->right + at), down = load(of->down + at);
            vec error = (load(values + at) - mean) * scale - value;
            vec w = load(inside + at) / (1 + 4 * error * error), w_right = w * right, w_down = w * down;
            vec product[3] = {w_right * right, w_right * down, w_down * down}, own[2] = {w_right, w_down};
            for (int k = 0; k < 3; k++) {
                vec with_x = product[k] * x;
                s[k][0] += product[k], s[k][1] += with_x, s[k][2] += with_x * x;
            }
            for (int k = 0; k < 2; k++) {
                vec with_x = own[k] * x;
                v[k][0] += own[k] * value, v[k][1] += with_x * value;
                o[k][0] += own[k], o[k][1] += with_x;
                e[k][0] += own[k] * error, e[k][1] += with_x * error;
            }
            value_value += w * value * value, value_one += w * value, one_one += w;
            value_error += w * value * error, one_error += w * error;
        }
        for (int k = 0; k < 3; k++) add_row(&slope[k], s[k][0], s[k][1], s[k][2], line[row], 1);
        for (int k = 0; k < 2; k++) {
            add_row(&with_value[k], v[k][0], v[k][1], v[k][0], line[row], 0);
            add_row(&with_one[k], o[k][0], o[k][1], o[k][0], line[row], 0);
            add_row(&with_error[k], e[k][0], e[k][1], e[k][0], line[row], 0);
        }
    }

    static const int times[3] = {1, 2, 0}; /* the numbers of the map are slopes times x, y and 1 */
    static const int product[3][3] = {{3, 4, 1}, {4, 5, 2}, {1, 2, 0}};
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++) {
            a[i][j] = total(slope[0].of[product[i][j]]);
            a[i + 3][j] = total(slope[1].of[product[i][j]]);
            a[i + 3][j + 3] = total(slope[2].of[product[i][j]]);
        }
        for (int k = 0; k < 2; k++) {
            a[6][i + 3 * k] = total(with_value[k].of[times[i]]);
            a[7][i + 3 * k] = total(with_one[k].of[times[i]]);
            b[i + 3 * k] = total(with_error[k].of[times[i]]);
        }
    }
    a[6][6] = total(value_value), a[7][6] = total(value_one), a[7][7] = total(one_one);
    b[6] = total(value_error), b[7] = total(one_error);
}

/* Solve a x = b by Cholesky's decomposition; a is positive definite, since its diagonal was increased. */
PART void solve(double a[8][8], double x[8]) {
    for (int i = 0; i < 8; i++)
        for (int j = 0; j <= i; j++) {
            double rest = a[i][j];
            for (int k = 0; k < j; k++) rest -= a[i][k] * a[j][k];
            a[i][j] = i == j ? sqrt(rest) : rest / a[j][j];
        }
    for (int i = 0; i < 8; i++) {
        for (int k = 0; k < i; k++) x[i] -= a[i][k] * x[k];
        x[i] /= a[i][i];
    }
    for (int i = 7; i >= 0; i--) {
        for (int k = i + 1; k < 8; k++) x[i] -= a[k][i] * x[k];
        x[i] /= a[i][i];
    }
}

#define NEGLIGIBLE 1e-3f /* change of a map in a step, after which no step is needed */
static const float identity[6] = {1, 0, 0, 0, 1, 0};

PART void refine(const slopes *first, const float *second, int side, int steps, float map[6]) {
    static const double limit[6] = {0.35, 0.25, 0.5, 0.25, 0.35, 0.5};
    float values[PIXELS], inside[PIXELS];
    for (int step = 0; step < steps; step++) {
        double a[8][8], p[8], after[6];
        warp(second, side, map, values, inside);
        sum_step(first, values, inside, side, a, p);
        for (int i = 0; i < 8; i++) a[i][i] = a[i][i] * 1.001 + 0.01;
        solve(a, p);
        double determinant = (1 + p[0]) * (1 + p[4]) - p[1] * p[3], good = 1, moved = 0;
        for (int row = 0; row < 6; row += 3) {
            after[row] = (map[row] * (1 + p[4]) - map[row + 1] * p[3]) / determinant;
            after[row + 1] = (map[row + 1] * (1 + p[0]) - map[row] * p[1]) / determinant;
            after[row + 2] = map[row + 2] - (after[row] * p[2] + after[row + 1] * p[5]);
        }
        for (int i = 0; i < 6; i++) good *= fabs(after[i] - identity[i]) <= limit[i]; /* what is not finite is not */
        if (!good) return; /* the same step would follow */
        for (int i = 0; i < 6; i++) {
            float before = map[i];
            map[i] = (float)after[i];
            if (fabsf(map[i] - before) > moved) moved = fabsf(map[i] - before);
        }
        if (moved < NEGLIGIBLE) return;
    }
}

/* Return the correlation of the gray values of two images where they overlap. */
PART double correlation(const float *first, const float *second, int side, const float *map) {
    float values[PIXELS], inside[PIXELS];
    warp(second, side, map, values, inside);
    vec count = all(0), sum_a = all(0), sum_b = all(0), aa = all(0), bb = all(0), ab = all(0);
    for (int at = 0; at < side * side; at += LANES) {
        vec w = load(inside + at);
        count += w, sum_a += w * load(first + at), sum_b += w * load(values + at);
    }
    double weight = total(count) + 1e-6;
    vec mean_a = all((float)(total(sum_a) / weight)), mean_b = all((float)(total(sum_b) / weight));
    for (int at = 0; at < side * side; at += LANES) {
        vec w = load(inside + at), a = load(first + at) - mean_a, b = load(values + at) - mean_b;
        aa += w * a * a, bb += w * b * b, ab += w * a * b;
    }
    return total(ab) / sqrt(total(aa) * total(bb) + 1e-3);
}

/* Add to each pixel of a small image the three above and below, beyond the edge as in a mirror, and lay it on its side. */
PART void add_neighbours(const float *image, float *turned) {
    for (int row = 0; row < SMALL; row++) {
        float sums[SMALL] = {0};
        for (int at = row - 3; at <= row + 3; at++) {
            const float *line = image + (at < 0 ? -1 - at : at < SMALL ? at : 2 * SMALL - 1 - at) * SMALL;
            for (int column = 0; column < SMALL; column++) sums[column] += line[column];
        }
        for (int column = 0; column < SMALL; column++) turned[column * SMALL + row] = sums[column];
    }
}

/* Take away the mean of the box around each pixel of a small image. */
PART void flatten(const float *image, float *flat) {
    float turned[SMALL * SMALL];
    add_neighbours(image, turned), add_neighbours(turned, flat);
    for (int at = 0; at < SMALL * SMALL; at++) flat[at] = image[at] - flat[at] / 49;
}

/* Return the number of the best start, each a scale and two shifts. `a` and `b` are flattened, and `under` has, for each
   pixel of a line, the number of the pixel under it, or -1: int32 (scales, shifts, 16). */
PART int best_start(const float *a, const float *b, const int32_t *under, int scales, int shifts) {
    int best = 0;
    double highest = -2;
    for (int across = 0; across < scales * shifts; across++) {
        float kept[SMALL][SMALL], moved[SMALL][SMALL];
        const int32_t *column = under + across * SMALL;
        int columns = 0;
        for (int at = 0; at < SMALL; at++) columns += column[at] >= 0;
        for (int row = 0; row < SMALL; row++)
            for (int at = 0; at < SMALL; at++) {
                kept[row][at] = column[at] < 0 ? 0 : a[row * SMALL + at];
                moved[row][at] = column[at] < 0 ? 0 : b[row * SMALL + column[at]];
            }
        for (int shift = 0; shift < shifts; shift++) {
            int down = across / shifts * shifts + shift;
            const int32_t *row_under = under + down * SMALL;
            int rows = 0;
            vec sum_a = all(0), sum_b = all(0), aa = all(0), bb = all(0), ab = all(0);
            for (int row = 0; row < SMALL; row++) {
                if (row_under[row] < 0) continue;
                rows++;
                for (int at = 0; at < SMALL; at += LANES) {
                    vec one = load(kept[row] + at), two = load(moved[row_under[row]] + at);
                    sum_a += one, sum_b += two;
                    aa += one * one, bb += two * two, ab += one * two;
                }
            }
            double n = rows * columns, of_a = total(aa) - total(sum_a) * total(sum_a) / n;
            double of_b = total(bb) - total(sum_b) * total(sum_b) / n;
            double both = total(ab) - total(sum_a) * total(sum_b) / n;
            double product = of_a * of_b, found = both / sqrt((product > 0 ? product : 0) + 1e-3);
            found *= 0.5 + 0.5 * n / (SMALL * SMALL);
            int number = (across / shifts * shifts + shift) * shifts + across % shifts;
            if (found > highest || (found == highest && number < best)) highest = found, best = number;
        }
    }
    return best;
}

void NAME(register_coarsely)(const float *first, const float *second, int64_t pairs, const int32_t *under,
                             const float *starts, int64_t scales, int64_t shifts, float *maps) {
    enum { STEPS = 6 };
    float a[SMALL * SMALL], b[SMALL * SMALL], other[6];
    slopes of;
    for (const float *before = 0; pairs--; before = first, first += SMALL * SMALL, second += SMALL * SMALL, maps += 6) {
        if (is_new(first, before, SMALL * SMALL)) flatten(first, a), take_slopes(first, SMALL, &of);
        flatten(second, b);
        memcpy(maps, identity, sizeof identity);
        memcpy(other, starts + 6 * best_start(a, b, under, scales, shifts), sizeof other);
        refine(&of, second, SMALL, STEPS, maps);
        if (!memcmp(other, identity, sizeof identity)) continue;
        refine(&of, second, SMALL, STEPS, other);
        if (correlation(first, second, SMALL, other) > correlation(first, second, SMALL, maps))
            memcpy(maps, other, sizeof other);
    }
}

void NAME(register_finely)(const float *first, const float *second, int64_t pairs, float *maps) {
    float half[PIXELS / 4];
    slopes of_half, of;
    for (const float *before = 0; pairs--; before = first, first += PIXELS, second += PIXELS, maps += 6) {
        if (is_new(first, before, PIXELS)) {
            halve(first, SIDE, half);
            take_slopes(half, SIDE / 2, &of_half), take_slopes(first, SIDE, &of);
        }
        halve(second, SIDE, half);
        refine(&of_half, half, SIDE / 2, 4, maps);
        refine(&of, second, SIDE, 2, maps);
    }
}

/* ---- agreement of registered images: tasks/registration/agreement.py ---- */

/* Smooth an image with a symmetric filter, whose half has its middle first; beyond the edge is a mirror, or the edge. */
PART void smooth(const float *image, int side, const float *half, int reach, int mirror, float *smoothed) {
    enum { PARTS = SIDE / LANES };
    float padded[MARGIN + SIDE + MARGIN], *line = padded + MARGIN;
    int parts = side / LANES;
    for (int row = 0; row < side; row++) {
        vec sums[PARTS];
        for (int part = 0; part < parts; part++) sums[part] = load(image + row * side + part * LANES) * half[0];
        for (int off = 1; off <= reach; off++) {
            const float *above = image + (row >= off ? row - off : mirror ? off - 1 - row : 0) * side;
            int under = row + off < side ? row + off : mirror ? 2 * side - 1 - row - off : side - 1;
            const float *below = image + under * side;
            for (int part = 0; part < parts; part++)
                sums[part] += (load(above + part * LANES) + load(below + part * LANES)) * half[off];
        }
        for (int part = 0; part < parts; part++) store(line + part * LANES, sums[part]);
        for (int off = 1, at = 0; off <= reach; off++, at += mirror)
            line[-off] = line[at], line[side - 1 + off] = line[side - 1 - at];
        for (int part = 0; part < parts; part++) sums[part] = load(line + part * LANES) * half[0];
        for (int off = 1; off <= reach; off++)
            for (int part = 0; part < parts; part++)
                sums[part] += (load(line + part * LANES - off) + load(line + part * LANES + off)) * half[off];
        for (int part = 0; part < parts; part++) store(smoothed + row * side + part * LANES, sums[part]);
    }
}

/* Write pairs laid over each other; with a reach of 0, nothing is smoothed. */
void NAME(overlay)(const float *first, const float *second, const float *maps, int64_t pairs, int64_t side,
                   const float *half, int64_t reach, float *first_laid, float *second_laid, uint8_t *inside) {
    float values[PIXELS], there[PIXELS];
    int64_t pixels = side * side;
    for (const float *before = 0; pairs--; before = first, first += pixels, second += pixels, maps += 6) {
        warp(second, side, maps, values, there);
        if (is_new(first, before, pixels)) smooth(first, side, half, reach, 0, first_laid);
        else memcpy(first_laid, first_laid - pixels, pixels * sizeof *first_laid);
        smooth(values, side, half, reach, 0, second_laid);
        for (int at = 0; at < pixels; at++) inside[at] = there[at] > 0;
        first_laid += pixels, second_laid += pixels, inside += pixels;
    }
}

/* The gradients of a row that is neither the first nor the last, and their norm. Its pixels lie between two more. */
PART void gradients(const float *image, int side, int at, vec *right, vec *down, vec *norm) {
    *right = load(image + at + 1) - load(image + at - 1);
    *down = load(image + at + side) - load(image + at - side);
    float root[LANES];
    store(root, *right * *right + *down * *down);
    for (int lane = 0; lane < LANES; lane++) root[lane] = sqrtf(root[lane]);
    *norm = load(root);
}

/* Where gradients and smoothing see nothing that lies beyond the second image, nor the first and the last column. */
PART void well_inside(const uint8_t *inside, int side, float *well) {
    enum { REACH = 2 };
    for (int row = 1; row < side - 1; row++) {
        const uint8_t *above = inside + (row < REACH ? 0 : row - REACH) * side;
        const uint8_t *below = inside + (row + REACH < side ? row + REACH : side - 1) * side;
        uint8_t both[REACH + SIDE + REACH];
        for (int column = 0; column < side; column++) both[REACH + column] = above[column] & below[column];
        for (int off = 0; off < REACH; off++) both[off] = both[REACH], both[REACH + side + off] = both[REACH + side - 1];
        for (int column = 0; column < side; column++)
            well[row * side + column] = both[column] & both[column + 2 * REACH];
        well[row * side] = well[row * side + side - 1] = 0;
    }
}

void NAME(agreement)(const float *first, const float *second, const uint8_t *inside, int64_t pairs, int64_t side,
                     float *agreed) {
    float one[MARGIN + PIXELS + MARGIN] = {0}, two[MARGIN + PIXELS + MARGIN] = {0}, weight[PIXELS];
    int64_t pixels = side * side;
    for (; pairs--; first += pixels, second += pixels, inside += pixels) {
        memcpy(one + MARGIN, first, pixels * sizeof *one), memcpy(two + MARGIN, second, pixels * sizeof *two);
        well_inside(inside, side, weight);
        vec count = all(0), squares_a = all(0), squares_b = all(0), right_a, down_a, a, right_b, down_b, b;
        for (int at = side; at < pixels - side; at += LANES) {
            vec w = load(weight + at);
            gradients(one + MARGIN, side, at, &right_a, &down_a, &a);
            gradients(two + MARGIN, side, at, &right_b, &down_b, &b);
            count += w, squares_a += w * a * a, squares_b += w * b * b;
        }
        double n = total(count) + 1e-6;
        vec root_a = all((float)sqrt(total(squares_a) / n) + 0.02f);
        vec root_b = all((float)sqrt(total(squares_b) / n) + 0.02f);
        vec sum = all(0), least = all(0);
        for (int at = side; at < pixels - side; at += LANES) {
            gradients(one + MARGIN, side, at, &right_a, &down_a, &a);
            gradients(two + MARGIN, side, at, &right_b, &down_b, &b);
            vec of_a = a / root_a, of_b = b / root_b, smaller = load(weight + at) * where(of_a < of_b, of_a, of_b);
            sum += smaller * ((right_a * right_b + down_a * down_b) / (a * b + 0.001f)), least += smaller;
        }
        *agreed++ = (float)(total(sum) / (total(least) + 1e-6));
    }
}

void NAME(textured)(const float *images, int64_t count, const float *fine, int64_t fine_reach, const float *coarse,
                    int64_t coarse_reach, float *shares) {
    float one[MARGIN + PIXELS + MARGIN] = {0}, two[MARGIN + PIXELS + MARGIN] = {0}, background[PIXELS];
    float *seen = one + MARGIN, *left = two + MARGIN;
    for (const double pixels = (SIDE - 2) * (SIDE - 2); count--; images += PIXELS) {
        smooth(images, SIDE, fine, fine_reach, 0, seen), smooth(images, SIDE, coarse, coarse_reach, 0, background);
        for (int at = 0; at < PIXELS; at += LANES) store(left + at, load(seen + at) - load(background + at));
        vec sum = all(0), squares = all(0), right, down, norm, of_left;
        for (int at = SIDE; at < PIXELS - SIDE; at += LANES) {
            gradients(seen, SIDE, at, &right, &down, &norm), gradients(left, SIDE, at, &right, &down, &of_left);
            norm = where(of_left < norm, of_left, norm);
            if (at % SIDE == 0) norm[0] = 0; /* the first and the last column have none */
            if (at % SIDE == SIDE - LANES) norm[LANES - 1] = 0;
            sum += norm, squares += norm * norm;
        }
        double mean = total(sum) / pixels;
        *shares++ = (float)(mean * mean / (total(squares) / pixels + 16));
    }
}

/* ---- images equally sharp: tasks/registration/sharpness.py ---- */

/* Half of the filter of each smoothing, float (smoothings, width), and the radius of each: of the one that removes the
   finest octave, of the one that removes the next, and of those to try. */
typedef struct {
    const float *half;
    int64_t width;
    const int32_t *reach;
} filters;

PART void smooth_by(const filters *by, int number, const float *image, float *smoothed) {
    smooth(image, SIDE, by->half + number * by->width, by->reach[number], 1, smoothed);
}

PART float sharpness_of(const filters *by, const float *image) {
    float fine[PIXELS], coarse[PIXELS];
    smooth_by(by, 0, image, fine), smooth_by(by, 1, image, coarse);
    vec finest = all(0), next = all(0);
    for (int at = 0; at < PIXELS; at += LANES) {
        vec above = load(image + at) - load(fine + at), below = load(fine + at) - load(coarse + at);
        finest += above * above, next += below * below;
    }
    return (float)(total(finest) / (total(next) + 1e-3 * PIXELS));
}

void NAME(sharpness)(const float *images, int64_t count, const float *half, int64_t width, const int32_t *reach,
                     float *found) {
    filters by = {half, width, reach};
    for (const float *before = 0; count--; before = images, images += PIXELS, found++)
        *found = is_new(images, before, PIXELS) ? sharpness_of(&by, images) : found[-1];
}

/* Smooth each image until it is about as sharp as its aim. */
void NAME(soften)(const float *images, const float *aims, int64_t count, const float *half, int64_t width,
                  const int32_t *reach, int64_t smoothings, float *soft) {
    filters by = {half, width, reach};
    for (; count--; images += PIXELS, aims++, soft += PIXELS) {
        float smoothed[PIXELS];
        double ratio = (sharpness_of(&by, images) + 1e-9) / (*aims + 1e-9), nearest = ratio;
        memcpy(soft, images, sizeof smoothed);
        for (int number = 2; number < 2 + smoothings && ratio > 1; number++) {
            smooth_by(&by, number, images, smoothed);
            ratio = (sharpness_of(&by, smoothed) + 1e-9) / (*aims + 1e-9);
            double off = ratio < 1 ? 1 / ratio : ratio;
            if (off < nearest) nearest = off, memcpy(soft, smoothed, sizeof smoothed);
        }
    }
}

/* ---- small copies of images seen through windows: tasks/registration/forms.py ---- */

/* The weights, float (SMALL, SIDE) down and across, are those of each image, or, with a step of 0, of all. */
void NAME(seen)(const float *images, int64_t count, const float *down, const float *across, int64_t step,
                uint8_t *small) {
    for (; count--; images += PIXELS, down += step, across += step)
        for (int row = 0; row < SMALL; row++) {
            vec line[SIDE / LANES] = {};
            for (int at = 0; at < SIDE; at++) {
                float weight = down[row * SIDE + at];
                if (weight == 0) continue; /* most are */
                for (int part = 0; part < SIDE / LANES; part++)
                    line[part] += load(images + at * SIDE + part * LANES) * weight;
            }
            for (int column = 0; column < SMALL; column++) {
                vec sum = all(0);
                for (int part = 0; part < SIDE / LANES; part++)
                    sum += line[part] * load(across + column * SIDE + part * LANES);
                float whole = ((float)total(sum) + 8388608.0f) - 8388608.0f; /* rounded, ties to even */
                *small++ = (uint8_t)whole;
            }
        }
}

/* ---- bit patterns: tasks/overlap/complete.py, nearest.py and candidates.py ---- */

PART int64_t shared_bits(const uint64_t *one, const uint64_t *two, int64_t words) {
    int64_t shared = 0;
    if (words == 13) /* of a glyph or a photograph: the compiler unrolls this loop */
        for (int word = 0; word < 13; word++) shared += __builtin_popcountll(one[word] & two[word]);
    else
        for (int64_t word = 0; word < words; word++) shared += __builtin_popcountll(one[word] & two[word]);
    return shared;
}

enum { EIGHTHS = 8, AHEAD = 8, AT_ONCE = 4 }; /* parts of a pattern, and patterns to look at together */
typedef uint64_t wide __attribute__((vector_size(EIGHTHS * AT_ONCE)));
typedef uint8_t bytes __attribute__((vector_size(EIGHTHS * AT_ONCE)));

/* Find which of the next patterns may differ from a pattern in at most some bits, given how many bits of each eighth are
   set: the differences of these counts do not exceed the differing bits. Return whether there are any. */
PART int may_be_close(const uint8_t *eighths, const uint8_t *next, uint64_t most, uint64_t *may) {
    uint64_t own;
    memcpy(&own, eighths, sizeof own);
    bytes one = (bytes)((wide){0} + own), other;
    wide any = {0};
    for (int at = 0; at < AHEAD; at += AT_ONCE) {
        memcpy(&other, next + EIGHTHS * at, sizeof other);
        bytes larger = (bytes)(one > other);
        wide differ = (wide)(((one - other) & larger) | ((other - one) & ~larger));
        differ = (differ & 0x00ff00ff00ff00ff) + ((differ >> 8) & 0x00ff00ff00ff00ff);
        differ += differ >> 16, differ += differ >> 32;
        wide close = (wide)((differ & 0xffff) <= (wide){0} + most);
        memcpy(may + at, &close, sizeof close);
        any |= close;
    }
    return (any[0] | any[1] | any[2] | any[3]) != 0;
}

/* Find the pairs of patterns that differ in at most `allowed[a + b]` bits; both sides are sorted by their bit counts.
   Return their number, and write their places and shared bits; there is room for all pairs. */
int64_t NAME(close_pairs)(const uint64_t *first, const int64_t *first_counts, const uint8_t *first_eighths,
                          int64_t rows, const uint64_t *second, const int64_t *second_counts,
                          const uint8_t *second_eighths, int64_t columns, int64_t words, const int64_t *allowed,
                          int64_t *i, int64_t *j, int64_t *shared) {
    int64_t found = 0, low = 0, high = 0;
    for (int64_t row = 0; row < rows; row++, first += words, first_eighths += EIGHTHS) {
        int64_t a = first_counts[row], most = 0, end;
        while (low < columns && a - second_counts[low] > allowed[a + second_counts[low]]) low++;
        if (high < low) high = low;
        while (high < columns && second_counts[high] - a <= allowed[a + second_counts[high]]) high++;
        for (int64_t b = low < high ? second_counts[low] : 0; low < high && b <= second_counts[high - 1]; b++)
            if (allowed[a + b] > most) most = allowed[a + b];
        for (int64_t at = low; at < high; at = end) {
            uint64_t may[AHEAD] = {1, 1, 1, 1, 1, 1, 1, 1};
            end = at + AHEAD < high ? at + AHEAD : high;
            if (end == at + AHEAD && !may_be_close(first_eighths, second_eighths + EIGHTHS * at, most, may)) continue;
            for (const uint64_t *close = may; at < end; at++, close++) {
                if (!*close) continue;
                int64_t both = a + second_counts[at], bits = shared_bits(first, second + at * words, words);
                if (both - 2 * bits > allowed[both]) continue;
                i[found] = row, j[found] = at, shared[found++] = bits;
            }
        }
    }
    return found;
}

/* Insert a pattern into the best ones of a row, sorted by similarity and then by number, unless it is too far behind. */
PART void keep(int64_t other, double found, int64_t most, int64_t *row, double *similarity) {
    int64_t place = most - 1, known = 0;
    if (found < similarity[place] || (found == similarity[place] && other > row[place])) return;
    while (known < most && row[known] != other) known++;
    if (known < most && similarity[known] >= found) return; /* in another form */
    if (known < most) place = known;
    for (; place && (similarity[place - 1] < found || (similarity[place - 1] == found && row[place - 1] > other)); place--)
        row[place] = row[place - 1], similarity[place] = similarity[place - 1];
    row[place] = other, similarity[place] = found;
}

/* Return in how many bits at most a pattern with `a` set bits differs from one of at least some similarity. With m bits
   only in the first and n only in the second, the similarity s is (a - m) / (a + n), so m + n <= a (1 - s) / s. */
PART uint64_t most_apart(int64_t a, double similarity) {
    return similarity > 0 ? (uint64_t)((double)a * (1 - similarity) / similarity + 1e-6) : 8 * UINT8_MAX;
}

/* Find the most similar patterns of each row, in the best of its forms, as `tasks.overlap.nearest.nearest` says. */
void NAME(nearest)(const uint64_t *forms, const int64_t *form_counts, const uint8_t *form_eighths,
                   const int64_t *form_groups, int64_t rows, int64_t each, const uint64_t *others, const int64_t *counts,
                   const uint8_t *eighths, const int64_t *groups, int64_t patterns, int64_t words, int64_t most,
                   int64_t *row, double *similarity) {
    for (int64_t own = 0; own < rows; own++, row += most, similarity += most)
        for (int64_t start = 0, some; start < patterns; start += some) {
            double last = similarity[most - 1];
            some = patterns - start < AHEAD ? patterns - start : AHEAD;
            for (int64_t form = own * each; form < (own + 1) * each; form++) {
                uint64_t may[AHEAD] = {1, 1, 1, 1, 1, 1, 1, 1}, apart = most_apart(form_counts[form], last);
                int are_next = some == AHEAD;
                if (!form_counts[form]) continue;
                if (are_next && !may_be_close(form_eighths + EIGHTHS * form, eighths + EIGHTHS * start, apart, may)) continue;
                for (int64_t place = 0, at = start; place < some; place++, at++) {
                    if (!may[place] || groups[at] == form_groups[own]) continue;
                    int64_t both = shared_bits(forms + form * words, others + at * words, words);
                    int64_t total = form_counts[form] + counts[at];
                    if ((double)both * (1 + last) < last * (double)total - 1e-6) continue; /* sooner than to divide */
                    keep(at, (double)both / (double)(total - both), most, row, similarity);
                }
            }
        }
}

/* Exchange rows and columns of a square of bits, the lowest bit of a word first: Warren, Hacker's Delight, 7-3. */
PART void turn_square(uint64_t square[64]) {
    uint64_t low = UINT32_MAX;
    for (int half = 32; half; half /= 2, low ^= low << half)
        for (int row = 0; row < 64; row = (row + half + 1) & ~half) {
            uint64_t differ = (square[row] >> half ^ square[row + half]) & low;
            square[row] ^= differ << half, square[row + half] ^= differ;
        }
}

/* Sign patterns under each permutation by the hash of the first set bit in the order of its visits, by ascending hash,
   as `tasks.overlap.minhash.signatures` says. A visit is made for 64 patterns at a time, whose bits at one position are
   one word. */
void NAME(signatures)(const uint8_t *bits, int64_t count, int64_t width, const int32_t *visits, const uint32_t *hashes,
                      int64_t permutations, int64_t length, uint32_t *signs) {
    enum { TOGETHER = 64 };
    for (int64_t start = 0; start < count; start += TOGETHER, bits += TOGETHER * width) {
        int64_t some = count - start < TOGETHER ? count - start : TOGETHER;
        uint64_t at_position[width * 8 + TOGETHER];
        memset(at_position, 0, sizeof at_position);
        for (int64_t byte = 0; byte < width; byte++)
            for (int64_t row = 0; row < some; row++)
                at_position[byte / 8 * 64 + row] |= (uint64_t)bits[row * width + byte] << byte % 8 * 8;
        for (int64_t byte = 0; byte < width; byte += 8) turn_square(at_position + byte * 8);
        for (int64_t number = 0; number < permutations; number++) {
            const int32_t *own = visits + number * length;
            uint32_t *to = signs + number * count + start;
            uint64_t left = ~(uint64_t)0 >> (TOGETHER - some);
            for (int64_t next = 0; left && next < length; next++) {
                uint64_t signed_here = left & at_position[own[next] ^ 7]; /* the first position is a byte's highest bit */
                left ^= signed_here;
                for (; signed_here; signed_here &= signed_here - 1)
                    to[__builtin_ctzll(signed_here)] = hashes[number * length + next];
            }
            for (; left; left &= left - 1) to[__builtin_ctzll(left)] = UINT32_MAX;
        }
    }
}

/* What follows the words of a pattern: the set bits of its eighths, of all, the number of its row or image, its group. */
enum { OF_EIGHTHS, OF_ALL, ROW, GROUP, FACTS, SOON = 8 }; /* SOON: how many patterns before its turn one is fetched */

PART void fetch(const uint64_t *pattern, int64_t width) {
    for (int64_t word = 0; word < width; word += 8) __builtin_prefetch(pattern + word); /* 64 bytes */
}

/* Compare forms of rows with the patterns that have the same key, and keep the best of each row. Both sides are keys in
   ascending order, each with a place in its lower half; at each place is a pattern with its facts. `last` has the lowest
   similarity kept for each row, so that the others are read less often.
   Return the number of keys whose comparisons would be too many, and write these keys; see tasks/overlap/candidates.py. */
int64_t NAME(meet)(const uint64_t *keys, int64_t count, const uint64_t *forms, const uint64_t *other_keys, int64_t others,
                   const uint64_t *patterns, int64_t words, const int64_t *need, int64_t heavy, int64_t most,
                   int64_t *best, double *similarity, double *last, uint64_t *crowded) {
    int64_t left = 0, from = 0, end, to, width = words + FACTS;
    for (int64_t at = 0; at < count; at = end, from = to) {
        uint64_t key = keys[at] >> 32;
        for (end = at; end < count && keys[end] >> 32 == key; end++)
            if (end + SOON < count) fetch(forms + (uint32_t)keys[end + SOON] * width, width);
        while (from < others && other_keys[from] >> 32 < key) from++;
        for (to = from; to < others && other_keys[to] >> 32 == key; to++)
            if (to + SOON < others) fetch(patterns + (uint32_t)other_keys[to + SOON] * width, width);
        if ((end - at) * (to - from) > heavy * (end - at + to - from)) {
            crowded[left++] = key;
            continue;
        }
        for (int64_t i = at; i < end && from < to; i++) {
            const uint64_t *form = forms + (uint32_t)keys[i] * width, *facts = form + words;
            int64_t own = (int64_t)facts[ROW], some;
            for (int64_t next = from; next < to; next += some) {
                uint64_t may[AHEAD], around[AHEAD] = {0}, apart = most_apart((int64_t)facts[OF_ALL], last[own]);
                some = to - next < AHEAD ? to - next : AHEAD;
                for (int64_t place = 0; place < some; place++)
                    around[place] = patterns[(uint32_t)other_keys[next + place] * width + words + OF_EIGHTHS];
                if (!may_be_close((const uint8_t *)facts, (const uint8_t *)around, apart, may)) continue;
                for (int64_t place = 0; place < some; place++) {
                    const uint64_t *other = patterns + (uint32_t)other_keys[next + place] * width, *about = other + words;
                    if (!may[place] || facts[GROUP] == about[GROUP]) continue;
                    int64_t both = shared_bits(form, other, words), total = (int64_t)(facts[OF_ALL] + about[OF_ALL]);
                    if (both < need[total]) continue;
                    keep((int64_t)about[ROW], (double)both / (double)(total - both), most, best + own * most,
                         similarity + own * most);
                    last[own] = similarity[own * most + most - 1];
                }
            }
        }
    }
    return left;
}
