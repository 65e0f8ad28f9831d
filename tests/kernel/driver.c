/* Run every function of the kernel on input that a seed determines, hostile input among it, and print a digest of the
   results of each: driver SEED ROUNDS. Compilers and processors must print the same. */
#include <stdio.h>
#include <stdlib.h>

#include "../../tasks/kernel.c"

enum { PAIRS = 3, SCALES = 3, SHIFTS = 5, SMOOTHINGS = 4, WIDTH = 7 };
enum { WORDS = 13, ROWS = 20, COLUMNS = 40, FORMS = 3, MOST = 4, SIGNS = 5 };

static uint64_t state;

static uint32_t drawn(void) {
    state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
    return (uint32_t)((state * 2685821657736338717u) >> 32);
}

static float uniform(float low, float high) { return low + (high - low) * ((float)(drawn() >> 8) / 16777216.0f); }

static void draw_image(float *image, int side) {
    int kind = drawn() % 6, level = drawn() % 256, at = drawn() % (side * side);
    for (int pixel = 0; pixel < side * side; pixel++) {
        int row = pixel / side, column = pixel % side, value = level;
        if (kind == 1) value = drawn() % 256;
        if (kind == 2) value = (row * 3 + column) % 256;
        if (kind == 3) value = column < side / 2 ? 0 : 255;
        if (kind == 4) value = pixel == at ? 255 : 0;
        if (kind == 5) value = (row / 5 * 37 + column / 7 * 91 + level) % 256;
        image[pixel] = (float)value;
    }
}

/* Half of the pairs have the first image of the pair before. */
static void draw_first(float *first, int pair, int side) {
    float *own = first + pair * side * side;
    if (pair && drawn() % 2) memcpy(own, own - side * side, side * side * sizeof *own);
    else draw_image(own, side);
}

static void draw_map(float *map) {
    static const float hostile[] = {0, -0.0f, 1e-30f, 1e6f, -1e6f, 1e30f, INFINITY, -INFINITY, NAN};
    int kind = drawn() % 4;
    for (int i = 0; i < 6; i++) map[i] = (i % 4 == 0) + (kind ? uniform(-0.3f, 0.3f) : hostile[drawn() % 9]);
}

static void print_digest(const char *name, const void *results, size_t size) {
    static uint64_t digest = 14695981039346656037u;
    for (size_t at = 0; at < size; at++) digest = (digest ^ ((const uint8_t *)results)[at]) * 1099511628211u;
    printf("%s %016llx\n", name, (unsigned long long)digest);
}

static int by_count(const void *one, const void *other) {
    const uint64_t *a = one, *b = other;
    return (a[WORDS] > b[WORDS]) - (a[WORDS] < b[WORDS]);
}

/* Sorted by their bit counts, some of them near copies of others. */
static void draw_patterns(uint64_t *words, int64_t *counts, int count) {
    uint64_t(*all_of)[WORDS + 1] = malloc(count * sizeof *all_of);
    for (int row = 0; row < count; row++) {
        int copied = row && drawn() % 2 ? (int)(drawn() % row) : -1, sparse = drawn() % 3;
        all_of[row][WORDS] = 0;
        for (int word = 0; word < WORDS; word++) {
            uint64_t bits = (uint64_t)drawn() << 32 | drawn();
            for (int times = 0; times < sparse; times++) bits &= (uint64_t)drawn() << 32 | drawn();
            all_of[row][word] = copied < 0 ? bits : all_of[copied][word] ^ (uint64_t)(drawn() % 3);
            all_of[row][WORDS] += __builtin_popcountll(all_of[row][word]);
        }
    }
    qsort(all_of, count, sizeof *all_of, by_count);
    for (int row = 0; row < count; row++) {
        memcpy(words + row * WORDS, all_of[row], WORDS * sizeof *words);
        counts[row] = (int64_t)all_of[row][WORDS];
    }
    free(all_of);
}

static void compare_images(void) {
    static float first[PAIRS * PIXELS], second[PAIRS * PIXELS], one[PAIRS * PIXELS], two[PAIRS * PIXELS];
    static float starts[SCALES * SHIFTS * SHIFTS * 6], weights[SMALL * SIDE], filters_of[(SMOOTHINGS + 2) * WIDTH];
    static uint8_t gray[PAIRS * PIXELS], inside[PAIRS * PIXELS], small[PAIRS * SMALL * SMALL];
    int32_t under[SCALES * SHIFTS * SMALL], reach[SMOOTHINGS + 2];
    float maps[PAIRS * 6], found[PAIRS], aims[PAIRS], half[] = {0.5f, 0.2f, 0.05f}, wide[MARGIN];
    for (size_t at = 0; at < sizeof starts / sizeof *starts; at += 6) draw_map(starts + at);
    for (int at = 0; at < SCALES * SHIFTS * SMALL; at++) under[at] = (int32_t)(drawn() % (SMALL + 1)) - 1;
    for (int at = 0; at < (SMOOTHINGS + 2) * WIDTH; at++) filters_of[at] = uniform(0, 0.2f);
    for (int at = 0; at < SMOOTHINGS + 2; at++) reach[at] = (int32_t)(drawn() % WIDTH);
    for (int at = 0; at < MARGIN; at++) wide[at] = uniform(0, 0.1f);

    for (int pair = 0; pair < PAIRS; pair++)
        draw_first(first, pair, SMALL), draw_image(second + pair * SMALL * SMALL, SMALL);
    register_coarsely(first, second, PAIRS, under, starts, SCALES, SHIFTS, maps);
    print_digest("coarse maps", maps, sizeof maps);
    for (int pair = 0; pair < PAIRS; pair++)
        draw_first(first, pair, SIDE), draw_image(second + pair * PIXELS, SIDE), draw_map(maps + pair * 6);
    for (int at = 0; at < PAIRS * PIXELS; at++) gray[at] = (uint8_t)first[at];
    quarter(gray, PAIRS, one);
    print_digest("quarter", one, PAIRS * SMALL * SMALL * sizeof *one);
    sharpness(second, PAIRS, filters_of, WIDTH, reach, aims);
    soften(first, aims, PAIRS, filters_of, WIDTH, reach, SMOOTHINGS, one);
    print_digest("sharpness", aims, sizeof aims), print_digest("softened", one, sizeof one);
    overlay(first, second, maps, PAIRS, SIDE, half, 2, one, two, inside);
    print_digest("overlay", two, sizeof two);
    agreement(one, two, inside, PAIRS, SIDE, found);
    print_digest("agreement", found, sizeof found);
    textured(one, PAIRS, half, 2, wide, MARGIN - 1, found);
    print_digest("texture", found, sizeof found);
    for (int at = 0; at < PAIRS * 6; at++) maps[at] = (at % 6 % 4 == 0) + uniform(-0.2f, 0.2f);
    register_finely(first, second, PAIRS, maps);
    print_digest("fine maps", maps, sizeof maps);
    for (int at = 0; at < SMALL * SIDE; at++) /* the sums of a line are at most 1 */
        weights[at] = drawn() % 2 ? 0 : uniform(0, 1.0f / SIDE);
    seen(first, PAIRS, weights, weights, 0, small);
    print_digest("small copies", small, sizeof small);
}

static void count_eighths(const uint64_t *words, int count, uint8_t *eighths) {
    memset(eighths, 0, EIGHTHS * count);
    for (int at = 0; at < count * WORDS; at++)
        eighths[at / WORDS * EIGHTHS + at % WORDS * EIGHTHS / WORDS] += __builtin_popcountll(words[at]);
}

static void put_facts(uint64_t *to, const uint64_t *words, const int64_t *counts, const uint8_t *eighths,
                      const int64_t *groups, int count, int each) {
    for (int at = 0; at < count; at++, to += WORDS + FACTS) {
        memcpy(to, words + at * WORDS, WORDS * sizeof *to), memcpy(to + WORDS + OF_EIGHTHS, eighths + at * EIGHTHS, EIGHTHS);
        to[WORDS + OF_ALL] = counts[at], to[WORDS + ROW] = at / each, to[WORDS + GROUP] = groups[at / each];
    }
}

static void compare_patterns(void) {
    static uint8_t eighths[ROWS * FORMS * EIGHTHS], other_eighths[COLUMNS * EIGHTHS];
    static uint64_t rows[ROWS * FORMS * WORDS], others[COLUMNS * WORDS];
    int64_t counts[ROWS * FORMS], other_counts[COLUMNS], groups[ROWS], other_groups[COLUMNS];
    int64_t allowed[2 * 64 * WORDS + 1];
    int64_t i[ROWS * COLUMNS], j[ROWS * COLUMNS], shared[ROWS * COLUMNS], row[ROWS * MOST];
    double similarity[ROWS * MOST];
    draw_patterns(rows, counts, ROWS), draw_patterns(others, other_counts, COLUMNS);
    for (int total = 0; total <= 2 * 64 * WORDS; total++) allowed[total] = total / (int)(2 + drawn() % 2) - 9;
    count_eighths(rows, ROWS, eighths), count_eighths(others, COLUMNS, other_eighths);
    int64_t pairs = close_pairs(rows, counts, eighths, ROWS, others, other_counts, other_eighths, COLUMNS, WORDS,
                                allowed, i, j, shared);
    print_digest("close pairs", i, pairs * sizeof *i), print_digest("and bits", shared, pairs * sizeof *shared);
    draw_patterns(rows, counts, ROWS * FORMS), count_eighths(rows, ROWS * FORMS, eighths);
    for (int at = 0; at < ROWS; at++) groups[at] = drawn() % 9;
    for (int at = 0; at < COLUMNS; at++) other_groups[at] = drawn() % 9;
    for (int at = 0; at < ROWS * MOST; at++) row[at] = -1, similarity[at] = -1;
    nearest(rows, counts, eighths, groups, ROWS, FORMS, others, other_counts, other_eighths, other_groups, COLUMNS, WORDS,
            MOST, row, similarity);
    print_digest("nearest", row, sizeof row), print_digest("and similarity", similarity, sizeof similarity);
    static uint32_t hashes[SIGNS * 64 * WORDS], signs[SIGNS * COLUMNS];
    static int32_t visits[SIGNS * 64 * WORDS];
    for (int at = 0; at < SIGNS * 64 * WORDS; at++) /* a permutation each: an odd step */
        hashes[at] = (uint32_t)at, visits[at] = at * (2 * (at / (64 * WORDS)) + 1) % (64 * WORDS);
    signatures((const uint8_t *)others, COLUMNS, 8 * WORDS, visits, hashes, SIGNS, 64 * WORDS, signs);
    print_digest("signatures", signs, sizeof signs);
    uint64_t keys[ROWS * FORMS], other_keys[COLUMNS], crowded[COLUMNS];
    static uint64_t forms[ROWS * FORMS * (WORDS + FACTS)], patterns[COLUMNS * (WORDS + FACTS)];
    double last[ROWS];
    put_facts(forms, rows, counts, eighths, groups, ROWS * FORMS, FORMS);
    put_facts(patterns, others, other_counts, other_eighths, other_groups, COLUMNS, 1);
    for (int at = 0; at < ROWS; at++) last[at] = similarity[at * MOST + MOST - 1];
    for (int at = 0; at < ROWS * FORMS; at++) keys[at] = (uint64_t)(at / 3) << 32 | (at * 7) % (ROWS * FORMS);
    for (int at = 0; at < COLUMNS; at++) other_keys[at] = (uint64_t)(8 * at / COLUMNS) << 32 | (at * 7) % COLUMNS;
    int64_t left = meet(keys, ROWS * FORMS, forms, other_keys, COLUMNS, patterns, WORDS, allowed, drawn() % 3, MOST, row,
                        similarity, last, crowded);
    print_digest("crowded", crowded, left * sizeof *crowded), print_digest("met", row, sizeof row);
}

int main(int count, char **given) {
    if (count != 3) return 2;
    state = strtoull(given[1], NULL, 10) * 2 + 1;
    for (int rounds = atoi(given[2]); rounds--;) compare_images(), compare_patterns();
    return 0;
}
