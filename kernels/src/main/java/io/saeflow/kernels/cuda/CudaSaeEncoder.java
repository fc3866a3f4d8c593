// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import io.saeflow.kernels.sae.EncoderMeter;
import io.saeflow.kernels.sae.SaeEncoder;
import io.saeflow.kernels.sae.SaeWeights;
import io.saeflow.kernels.sae.SparseLatents;
import io.saeflow.kernels.sae.SparseRows;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Encodes on a GPU, equal to the CPU's encoders to the bit.
 *
 * <p>Tensor cores score all latents in float16 and never write the scores: for each token they
 * leave the latents that may be active by the bounds of {@code encoder.h}, and canonical dot
 * products decide among these. Tokens that this cannot decide get all their canonical dot products:
 * {@link EncoderMeter#fallbacks} counts them. They are all tokens where k is beyond any room or the
 * GPU's tensor cores are less exact than the bounds need; with {@code Identity} all are as well,
 * but not counted.
 *
 * <p>Tokens go through in strips, of which some are on the GPU at once: while the kernels work on
 * one, the next is copied in and the latents of the one before are copied out and read. What comes
 * out is in the order of the tokens.
 *
 * <p>Not safe for use by several threads, but encoders of several threads may share weights. After
 * a {@link CudaException} it can only be closed.
 */
public final class CudaSaeEncoder implements SaeEncoder {
  /** One is copied in, one is in the kernels, one is copied out. */
  static final int STRIPS = 3;

  /** Blocks enough for any GPU, and a batch of some thousand tokens has several strips. */
  private static final int MAX_STRIP_TOKENS = 1024;

  /** 16 MiB of activations. */
  private static final int STRIP_VALUES = 1 << 22;

  private final CudaSaeWeights sae;
  private final CudaDevice device;
  private final EncoderMeter meter;
  private final int stripTokens;
  private final MemoryScope memory;

  /** As many as were needed so far, each used again in its turn. */
  private final List<EncoderStrip> strips = new ArrayList<>();

  private @Nullable ExactTokens exactTokens;

  /**
   * @param sae must stay open as long as this encoder
   * @param meter told of what this encoder does
   */
  public CudaSaeEncoder(CudaSaeWeights sae, EncoderMeter meter) {
    this(sae, meter, stripTokens(sae.weights().width()));
  }

  CudaSaeEncoder(CudaSaeWeights sae, EncoderMeter meter, int stripTokens) {
    this.sae = sae;
    this.device = sae.device();
    this.meter = meter;
    this.stripTokens = stripTokens;
    this.memory = new MemoryScope(device);
  }

  @Override
  public SparseLatents encode(float[] activations) {
    long start = System.nanoTime();
    SaeWeights weights = sae.weights();
    int tokens = weights.tokens(activations);
    SparseRows rows = new SparseRows(tokens);
    Deque<EncoderStrip> begun = new ArrayDeque<>();
    for (int first = 0; first < tokens; first += stripTokens) {
      if (begun.size() == STRIPS) {
        end(begun.remove(), rows);
      }
      EncoderStrip strip = strip(first / stripTokens % STRIPS);
      begin(strip, activations, first, Math.min(stripTokens, tokens - first));
      begun.add(strip);
    }
    while (!begun.isEmpty()) {
      end(begun.remove(), rows);
    }
    meter.addEncoded(tokens, System.nanoTime() - start);
    return rows.build();
  }

  @Override
  public void close() {
    device.run(memory::close);
  }

  private EncoderStrip strip(int index) {
    if (index == strips.size()) {
      strips.add(device.call(() -> new EncoderStrip(sae, stripTokens, memory)));
    }
    return strips.get(index);
  }

  private void begin(EncoderStrip strip, float[] activations, int first, int tokens) {
    strip.fill(activations, first, tokens);
    device.run(strip::begin);
  }

  private void end(EncoderStrip strip, SparseRows rows) {
    device.run(strip::end);
    if (sae.isScored()) {
      meter.addCandidates(strip.rescored());
    }
    addTokens(strip, rows);
  }

  private void addTokens(EncoderStrip encoded, SparseRows rows) {
    int tokens = encoded.tokens();
    IntBuffer roads = encoded.roads();
    IntBuffer offsets = encoded.offsets();
    IntBuffer latents = encoded.latents();
    FloatBuffer values = encoded.values();
    int[] exact = exactTokens(roads, tokens);
    int added = 0;
    for (int t = 0; t < tokens; t++) {
      if (roads.get(t) == EncoderStrip.NON_FINITE) {
        rows.endNonFiniteToken();
      } else if (added < exact.length && exact[added] == t) {
        addExact(encoded, exact, added++, rows);
      } else {
        for (int e = offsets.get(t); e < offsets.get(t + 1); e++) {
          rows.add(latents.get(e), values.get(e));
        }
        rows.endToken();
      }
    }
  }

  private void addExact(EncoderStrip encoded, int[] exact, int index, SparseRows rows) {
    ExactTokens current = exactTokens;
    if (current == null) {
      current = device.call(() -> new ExactTokens(sae, memory));
      exactTokens = current;
    }
    ExactTokens computed = current;
    int round = computed.roundTokens();
    if (index % round == 0) {
      int count = Math.min(round, exact.length - index);
      device.run(() -> computed.compute(encoded.rows(), exact, index, count));
    }
    computed.add(index % round, rows);
    if (!sae.isIdentity()) {
      meter.addFallback();
    }
  }

  private int[] exactTokens(IntBuffer roads, int tokens) {
    int[] exact = new int[tokens];
    int count = 0;
    for (int t = 0; t < tokens; t++) {
      boolean finite = roads.get(t) != EncoderStrip.NON_FINITE;
      if (finite && (!sae.isScored() || roads.get(t) == EncoderStrip.EXACT)) {
        exact[count++] = t;
      }
    }
    return Arrays.copyOf(exact, count);
  }

  private static int stripTokens(int width) {
    int most = Math.min(MAX_STRIP_TOKENS, STRIP_VALUES / width);
    return Math.max(1, most / CandidatePlan.TILE) * CandidatePlan.TILE;
  }
}
