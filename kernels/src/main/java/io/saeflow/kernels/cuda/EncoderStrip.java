// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import io.saeflow.kernels.sae.InputNormalization;
import io.saeflow.kernels.sae.SaeWeights;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;

/**
 * Takes a strip of tokens through the encoder's kernels, one strip after the other in the same
 * memory and on the same stream: {@link #fill}, {@link #begin}, {@link #end}, then what came out is
 * read. Other strips have other memory and streams, so that one is copied while another is encoded.
 *
 * <p>It is made on the device's thread, where begin and end run as well; all else does not, so that
 * one strip is filled and read while others are on the device.
 */
final class EncoderStrip {
  /** {@code Road} of {@code encoder.h}: how the device says that a token is to be encoded. */
  static final int SCORED = 0;

  static final int EXACT = 1;
  static final int NON_FINITE = 2;

  private static final int TOKEN_BOUND_BYTES = 4 * Float.BYTES;
  private static final int CANDIDATE_BYTES = 2 * Integer.BYTES;

  private static final int THREADS = 128;
  private static final int WARPS = THREADS / 32;
  private static final int SCORE_THREADS = 256;
  private static final int OFFSETS_THREADS = 256;

  /** The ring of four stages of two tiles, 128 rows of 32 halves each. */
  private static final int SCORE_SHARED_BYTES = 4 * 2 * 128 * 32 * Short.BYTES;

  private final CudaSaeWeights sae;
  private final CandidatePlan plan;
  private final MemoryScope memory;
  private final DeviceStream stream;

  private final PinnedMemory hostActivations;
  private final PinnedMemory hostRoads;
  private final PinnedMemory hostOffsets;
  private final PinnedMemory hostRescored;

  private final DeviceMemory activations;
  private final DeviceMemory rows;
  private final DeviceMemory roads;
  private final DeviceMemory counts;
  private final DeviceMemory rescored;
  private final DeviceMemory offsets;
  private final DeviceMemory latents;
  private final DeviceMemory values;

  private final KernelArguments prepare;
  private final KernelArguments groupMax;
  private final KernelArguments groupThreshold;
  private final KernelArguments nominate;
  private final KernelArguments selectActive;
  private final KernelArguments tokenOffsets;
  private final KernelArguments packLatents;

  /** These grow with what a strip turns out to have. */
  private PinnedMemory hostLatents;

  private PinnedMemory hostValues;

  private int tokens;

  /**
   * @param capacity the most tokens of a strip, a multiple of {@link CandidatePlan#TILE}
   * @param memory is where what it needs is opened, its stream too
   */
  EncoderStrip(CudaSaeWeights sae, int capacity, MemoryScope memory) {
    this.sae = sae;
    this.plan = sae.plan();
    this.memory = memory;
    this.stream = memory.stream();
    SaeWeights weights = sae.weights();
    int width = weights.width();
    // Where nothing is scored there are no candidates.
    int scored = sae.isScored() ? capacity : 0;
    int active = plan.k() > 0 ? Math.min(plan.k(), plan.capacity()) : plan.capacity();
    this.hostActivations = memory.pinned((long) capacity * width, Float.BYTES);
    this.hostRoads = memory.pinned(capacity, Integer.BYTES);
    this.hostOffsets = memory.pinned(capacity + 1, Integer.BYTES);
    this.hostRescored = memory.pinned(1, Integer.BYTES);
    this.hostLatents = memory.pinned(scored, Integer.BYTES);
    this.hostValues = memory.pinned(scored, Float.BYTES);
    this.activations = memory.device((long) capacity * width, Float.BYTES);
    this.rows = memory.device((long) capacity * width, Float.BYTES);
    this.roads = memory.device(capacity, Integer.BYTES);
    this.counts = memory.device(capacity, Integer.BYTES);
    this.rescored = memory.device(1, Integer.BYTES);
    this.offsets = memory.device(capacity + 1, Integer.BYTES);
    this.latents = memory.device((long) scored * active, Integer.BYTES);
    this.values = memory.device((long) scored * active, Float.BYTES);
    DeviceMemory halves = memory.device((long) capacity * sae.columns(), Short.BYTES);
    DeviceMemory bounds = memory.device(capacity, TOKEN_BOUND_BYTES);
    DeviceMemory maxima = memory.device((long) scored * plan.groups(), Float.BYTES);
    DeviceMemory candidates = memory.device((long) scored * plan.capacity(), CANDIDATE_BYTES);

    this.prepare =
        new KernelArguments(Kernel.PREPARE_ROWS_F32)
            .pointer(activations)
            .pointer(sae.inputBias())
            .number(weights.normalization() == InputNormalization.LAYER_NORM ? 1 : 0)
            .number(0)
            .number(0)
            .number(width)
            .number(sae.columns())
            .number(sae.rowError())
            .pointer(rows)
            .pointer(halves)
            .pointer(bounds)
            .pointer(roads);
    this.groupMax =
        new KernelArguments(Kernel.GROUP_MAX)
            .pointer(halves)
            .pointer(sae.halves())
            .number(sae.columns())
            .pointer(bounds)
            .pointer(sae.bounds())
            .pointer(sae.minusLower())
            .pointer(maxima);
    this.groupThreshold =
        new KernelArguments(Kernel.GROUP_THRESHOLD)
            .pointer(maxima)
            .number(plan.groups())
            .number(plan.k())
            .pointer(bounds);
    this.nominate =
        new KernelArguments(Kernel.NOMINATE)
            .pointer(halves)
            .pointer(sae.halves())
            .number(sae.columns())
            .pointer(bounds)
            .pointer(sae.bounds())
            .number(plan.capacity())
            .pointer(counts)
            .pointer(candidates);
    this.selectActive =
        new KernelArguments(Kernel.SELECT_ACTIVE)
            .pointer(rows)
            .pointer(sae.encoderWeights())
            .pointer(sae.latentBias())
            .pointerOrNull(sae.thresholds())
            .number(width)
            .pointer(bounds)
            .pointer(sae.bounds())
            .pointer(sae.minusLower())
            .number(plan.k())
            .number(plan.capacity())
            .pointer(candidates)
            .pointer(counts)
            .pointer(roads)
            .pointer(rescored);
    this.tokenOffsets =
        new KernelArguments(Kernel.TOKEN_OFFSETS).pointer(counts).number(0).pointer(offsets);
    this.packLatents =
        new KernelArguments(Kernel.PACK_LATENTS)
            .pointer(candidates)
            .pointer(offsets)
            .number(0)
            .number(plan.capacity())
            .pointer(latents)
            .pointer(values);
  }

  /** Takes tokens in, after the end of what was begun before. */
  void fill(float[] input, int firstToken, int count) {
    tokens = count;
    int width = sae.weights().width();
    hostActivations.buffer().asFloatBuffer().put(input, firstToken * width, count * width);
  }

  /** Puts copying them in, encoding them and copying out what is of known size on the stream. */
  void begin() {
    long bytes = (long) tokens * sae.weights().width() * Float.BYTES;
    stream.copy(hostActivations, activations, bytes);
    int padded = CandidatePlan.roundUp(tokens, CandidatePlan.TILE);
    prepare.change(3, tokens);
    prepare.change(4, padded);
    stream.launch(prepare, padded / WARPS, THREADS, 0);
    if (sae.isScored()) {
      score(padded);
      stream.copy(offsets, hostOffsets, (tokens + 1L) * Integer.BYTES);
      stream.copy(rescored, hostRescored, Integer.BYTES);
    }
    stream.copy(roads, hostRoads, (long) tokens * Integer.BYTES);
  }

  /** Waits for that and copies the latents out; all of it is then there to be read. */
  void end() {
    stream.synchronize();
    if (sae.isScored()) {
      fetch(hostOffsets.buffer().asIntBuffer().get(tokens));
    }
  }

  /** How many there are. */
  int tokens() {
    return tokens;
  }

  /** f32 [tokens, D]: canonical rows, on the device. */
  DeviceMemory rows() {
    return rows;
  }

  /** i32 [tokens]. */
  IntBuffer roads() {
    return hostRoads.buffer().asIntBuffer();
  }

  /** i32 [tokens + 1], where tokens are scored. */
  IntBuffer offsets() {
    return hostOffsets.buffer().asIntBuffer();
  }

  /** i32 [entries], ascending within a token. */
  IntBuffer latents() {
    return hostLatents.buffer().asIntBuffer();
  }

  /** f32 [entries]. */
  FloatBuffer values() {
    return hostValues.buffer().asFloatBuffer();
  }

  /** How many latents a canonical dot product decided. */
  int rescored() {
    return hostRescored.buffer().getInt();
  }

  private void score(int padded) {
    int tokenTiles = padded / CandidatePlan.TILE;
    if (plan.sample() > 0) {
      int sampleTiles = plan.sample() / CandidatePlan.TILE;
      stream.launch(groupMax, tokenTiles, sampleTiles, SCORE_THREADS, SCORE_SHARED_BYTES);
      stream.launch(groupThreshold, padded, THREADS, plan.groups() * Float.BYTES);
    }
    int latentTiles = plan.paddedLatents() / CandidatePlan.TILE;
    stream.fill(counts, (byte) 0, (long) padded * Integer.BYTES);
    stream.fill(rescored, (byte) 0, Integer.BYTES);
    stream.launch(nominate, tokenTiles, latentTiles, SCORE_THREADS, SCORE_SHARED_BYTES);
    stream.launch(selectActive, tokens, THREADS, 3 * Integer.BYTES * plan.capacity());
    tokenOffsets.change(1, tokens);
    stream.launch(tokenOffsets, 1, OFFSETS_THREADS, 0);
    packLatents.change(2, tokens);
    stream.launch(packLatents, (tokens + WARPS - 1) / WARPS, THREADS, 0);
  }

  private void fetch(int entries) {
    long bytes = (long) entries * Integer.BYTES;
    if (hostLatents.bytes() < bytes) {
      hostLatents.close();
      hostValues.close();
      hostLatents = memory.pinned(entries + entries / 2L, Integer.BYTES);
      hostValues = memory.pinned(entries + entries / 2L, Float.BYTES);
    }
    stream.copy(latents, hostLatents, bytes);
    stream.copy(values, hostValues, bytes);
    stream.synchronize();
  }
}
