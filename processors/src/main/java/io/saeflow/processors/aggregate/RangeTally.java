// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import io.saeflow.kernels.aggregate.EntriesByLatent;
import io.saeflow.kernels.aggregate.LatentAggregator;
import io.saeflow.kernels.aggregate.LatentStatistics;
import io.saeflow.kernels.sae.SparseLatents;
import io.saeflow.schemas.feature.EncodedExamples;
import io.saeflow.schemas.feature.EncodingStatistics;
import io.saeflow.schemas.feature.FeatureRecord;
import io.saeflow.schemas.feature.IntList;
import io.saeflow.schemas.feature.LongList;
import io.saeflow.schemas.stream.EncodingSummary;
import io.saeflow.schemas.stream.EndOfStream;
import io.saeflow.schemas.stream.FeatureRange;
import io.saeflow.schemas.stream.LatentBatch;
import io.saeflow.schemas.stream.MalformedMessageException;
import io.saeflow.schemas.stream.TokenBatch;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.util.BitSet;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;

/**
 * The statistics of one feature range: exact, and independent of where batches are cut, of the
 * order in which they come and of how latents are split into ranges.
 *
 * <p>Counts, power sums and histograms are {@link LatentStatistics}, which an aggregator may keep
 * on a device; all else is kept here.
 */
final class RangeTally implements AutoCloseable {
  /** The key under which what belongs to no single feature is saved. */
  private static final int RANGE_KEY = -1;

  /** Latent, part and the piece of the latent's part. */
  private static final int KEY_BYTES = 2 * Integer.BYTES + 1;

  private static final Comparator<Firing> BY_PLACE =
      Comparator.comparingLong(Firing::sequence).thenComparingInt(Firing::position);

  private final FeatureRange range;
  private final TallyConfig config;
  private final RandomOrder randomOrder;
  private final LabelDictionary dictionary;
  private final LatentAggregator aggregator;
  private final EntriesByLatent entries;
  private final WindowCutter cutter;

  private final SeenBatches seen = new SeenBatches();
  private long tokens;
  private long nonFiniteTokens;
  private long nonZeros;
  private long reconstructedTokens;

  /** In the units of {@link EncodingSummary}. */
  private BigInteger normalizedErrors = BigInteger.ZERO;

  private long sequences;

  /** One more than the last sequence seen. */
  private long sequencesTo;

  /** Of the last end of the stream seen, -1 before there is one. */
  private long endSequences = -1;

  private final AggregatedCounts counts;
  private final FiringSelections top;
  private final FiringSelections random;
  private final LabelTallies labels;

  /** The pieces of each part that have changed since they were last saved. */
  private final Map<Part, BitSet> dirty = new EnumMap<>(Part.class);

  private final BitSet dirtyCounts = dirty(Part.COUNTS);
  private final BitSet dirtyTop = dirty(Part.TOP);
  private final BitSet dirtyRandom = dirty(Part.RANDOM);
  private final BitSet dirtyLabels = dirty(Part.LABELS);

  /**
   * A tally of nothing.
   *
   * @param aggregator of the range's latents, and of nothing yet; closed with this
   */
  RangeTally(String sae, FeatureRange range, TallyConfig config, LatentAggregator aggregator) {
    this.range = range;
    this.config = config;
    this.randomOrder = new RandomOrder(config.seed(), sae);
    this.dictionary = new LabelDictionary(config.labels());
    this.aggregator = aggregator;
    this.entries = aggregator.entries();
    this.cutter = new WindowCutter(config.window(), entries);
    this.counts = new AggregatedCounts(aggregator);
    this.top = new FiringSelections(range.size(), config.top(), FiringSelections.STRONGEST);
    this.random = new FiringSelections(range.size(), config.random(), FiringSelections.RANDOM);
    this.labels = new LabelTallies(range.size());
  }

  FeatureRange range() {
    return range;
  }

  long batches() {
    return seen.count();
  }

  /** Tokens seen, those with activations that were not finite included. */
  long tokens() {
    return tokens + nonFiniteTokens;
  }

  /** What encoding has come to, over all features, of whatever range. */
  EncodingStatistics statistics() {
    return new EncodingStatistics(
        tokens,
        nonFiniteTokens,
        nonZeros,
        reconstructedTokens,
        EncodingSummary.toNumber(normalizedErrors));
  }

  /** What all of the state takes when it is saved. */
  long stateBytes() {
    long bytes = 0;
    for (Part part : Part.values()) {
      FeatureStates states = states(part);
      for (int piece = 0; piece < range.size() * states.pieces(); piece++) {
        bytes += states.bytes(piece);
      }
    }
    return bytes;
  }

  /** How many sequences the batches have. */
  long sequences() {
    return sequences;
  }

  /** Whether every sequence up to the last end of the stream has been added, and none beyond. */
  boolean isComplete() {
    return sequences == endSequences && sequencesTo == endSequences;
  }

  void end(EndOfStream end) {
    endSequences = Math.max(endSequences, end.sequences());
  }

  /**
   * Adds a batch; does nothing if it was added before.
   *
   * @throws MalformedMessageException if a document's labels cannot be read; nothing is added then
   */
  void add(LatentBatch batch) throws MalformedMessageException {
    BatchLabels batchLabels = BatchLabels.read(config.labels(), batch.batch());
    if (!seen.add(batch.number())) {
      return;
    }
    EncodingSummary summary = batch.summary();
    tokens += batch.batch().tokens().length - summary.nonFiniteTokens();
    nonFiniteTokens += summary.nonFiniteTokens();
    nonZeros += summary.nonZeros();
    reconstructedTokens += summary.reconstructedTokens();
    normalizedErrors = normalizedErrors.add(summary.normalizedErrors());
    sequences += batch.batch().sequences();
    sequencesTo = Math.max(sequencesTo, batch.batch().firstSequence() + batch.batch().sequences());
    batchLabels.addTo(dictionary);
    move(dictionary.dropSurplus());
    int[][] labelIds = batchLabels.ids(dictionary);
    cutter.begin(batch.batch());
    aggregator.add(
        new SparseLatents(
            summary.nonFiniteTokens(), batch.offsets(), batch.latents(), batch.values()),
        batch.batch().contextLength(),
        (f, from, to) -> addSequence(f, batch.batch(), labelIds, from, to));
  }

  /** Counts what was active under dropped label values with their fields' other values. */
  private void move(List<LabelDictionary.Dropped> dropped) {
    for (LabelDictionary.Dropped value : dropped) {
      for (int f = 0; f < range.size(); f++) {
        if (labels.move(f, value.from(), value.to())) {
          dirtyLabels.set(f);
        }
      }
    }
  }

  /** The record of a latent of this range. */
  FeatureRecord record(int latent) {
    int f = latent - range.from();
    LatentStatistics statistics = aggregator.statistics();
    return FeatureRecord.newBuilder()
        .setLatent(latent)
        .setSequences(sequences)
        .setComplete(isComplete())
        .setTokens(tokens)
        .setNonFiniteTokens(nonFiniteTokens)
        .setNonZeros(nonZeros)
        .setReconstructedTokens(reconstructedTokens)
        .setNormalizedErrors(EncodingSummary.toNumber(normalizedErrors))
        .setActive(statistics.active(f))
        .setMax(statistics.max(f))
        .setSum1(statistics.powerSum(f, 1))
        .setSum2(statistics.powerSum(f, 2))
        .setSum3(statistics.powerSum(f, 3))
        .setSum4(statistics.powerSum(f, 4))
        .setHistogramBins(new IntList(statistics.bins(f)))
        .setHistogramCounts(new LongList(statistics.binCounts(f)))
        .setTop(examples(top.toList(f)))
        .setRandom(examples(random.toList(f).stream().sorted(BY_PLACE).toList()))
        .setLabels(dictionary.counts(id -> labels.active(f, id)))
        .build();
  }

  /** Hands over every key and value that changed since the last call. */
  void saveChanges(BiConsumer<byte[], byte[]> log) {
    dirty.forEach(
        (part, pieces) -> {
          FeatureStates states = states(part);
          pieces.stream().forEach(piece -> log.accept(key(part, piece), bytes(states, piece)));
          pieces.clear();
        });
    byte[] errors = normalizedErrors.toByteArray();
    ByteBuffer range =
        ByteBuffer.allocate(7 * Long.BYTES + Integer.BYTES + errors.length + seen.bytes());
    range.putLong(tokens).putLong(nonFiniteTokens);
    range.putLong(nonZeros).putLong(reconstructedTokens).putInt(errors.length).put(errors);
    range.putLong(sequences).putLong(sequencesTo).putLong(endSequences);
    seen.writeTo(range);
    log.accept(rangeKey(Part.COUNTS), range.array());
    if (!config.labels().isEmpty()) {
      log.accept(rangeKey(Part.LABELS), dictionary.toBytes());
    }
  }

  /** Takes back one key and value that {@link #saveChanges} handed over. */
  void restore(byte[] key, byte[] value) {
    if (key.length != KEY_BYTES) {
      throw new IllegalStateException(
          "key of saved state: %d bytes (expected: %d)".formatted(key.length, KEY_BYTES));
    }
    ByteBuffer in = ByteBuffer.wrap(key);
    int latent = in.getInt();
    Part part = Part.of(in.get());
    int piece = in.getInt();
    ByteBuffer content = ByteBuffer.wrap(value);
    if (latent == RANGE_KEY && part == Part.LABELS) {
      dictionary.readFrom(content);
      return;
    }
    if (latent == RANGE_KEY) {
      tokens = content.getLong();
      nonFiniteTokens = content.getLong();
      nonZeros = content.getLong();
      reconstructedTokens = content.getLong();
      byte[] errors = new byte[content.getInt()];
      content.get(errors);
      normalizedErrors = new BigInteger(errors);
      sequences = content.getLong();
      sequencesTo = content.getLong();
      endSequences = content.getLong();
      seen.readFrom(content);
      return;
    }
    FeatureStates states = states(part);
    states.readFrom(content, (latent - range.from()) * states.pieces() + piece);
  }

  /** Gives back what it has of a device. */
  @Override
  public void close() {
    aggregator.close();
  }

  private FeatureStates states(Part part) {
    return switch (part) {
      case COUNTS -> counts;
      case TOP -> top;
      case RANDOM -> random;
      case LABELS -> labels;
    };
  }

  private BitSet dirty(Part part) {
    return dirty.computeIfAbsent(part, p -> new BitSet());
  }

  private byte[] key(Part part, int piece) {
    int pieces = states(part).pieces();
    return savedKey(range.from() + piece / pieces, part, piece % pieces);
  }

  private static byte[] rangeKey(Part part) {
    return savedKey(RANGE_KEY, part, 0);
  }

  private static byte[] savedKey(int latent, Part part, int piece) {
    return ByteBuffer.allocate(KEY_BYTES).putInt(latent).put(part.code).putInt(piece).array();
  }

  private static byte[] bytes(FeatureStates states, int piece) {
    ByteBuffer out = ByteBuffer.allocate(states.bytes(piece));
    states.writeTo(out, piece);
    return out.array();
  }

  private static EncodedExamples examples(List<Firing> firings) {
    return new EncodedExamples(firings.stream().map(Firing::toExample).toList());
  }

  /** Adds what the feature has in one row, but for what the aggregator counts. */
  private void addSequence(int f, TokenBatch batch, int[][] labelIds, int from, int to) {
    dirtyCounts.set(f);
    for (int[] ids : labelIds) {
      addLabels(f, ids, from, to);
    }
    addFirings(f, batch, entries.token(from) / batch.contextLength(), from, to);
  }

  /** Neighbours mostly come from one document: a stretch of them is added at once. */
  private void addLabels(int f, int[] ids, int from, int to) {
    int i = from;
    while (i < to) {
      int id = ids[entries.token(i)];
      int active = 0;
      for (; i < to && ids[entries.token(i)] == id; i++) {
        if (entries.value(i) > 0) {
          active++;
        }
      }
      if (id != LabelDictionary.NONE && active > 0) {
        labels.add(f, id, active);
        dirtyLabels.set(f);
      }
    }
  }

  /** Offers what the feature has in one row to its selections. */
  private void addFirings(int f, TokenBatch batch, int row, int from, int to) {
    long sequence = batch.firstSequence() + row;
    int rowStart = row * batch.contextLength();
    long ofSequence = randomOrder.ofSequence(range.from() + f, sequence);
    int best = from;
    for (int i = from; i < to; i++) {
      float value = entries.value(i);
      if (value > entries.value(best)) {
        best = i;
      }
      if (value > 0) {
        int position = entries.token(i) - rowStart;
        long rank = RandomOrder.rank(ofSequence, position);
        if (random.keeps(f, rank, sequence, position)) {
          dirtyRandom.set(random.add(f, cutter.cut(batch, rank, i, from, to)));
        }
      }
    }
    if (entries.value(best) > 0) {
      int position = entries.token(best) - rowStart;
      long strength = FiringSelections.strength(entries.value(best));
      if (top.keeps(f, strength, sequence, position)) {
        long rank = RandomOrder.rank(ofSequence, position);
        dirtyTop.set(top.add(f, cutter.cut(batch, rank, best, from, to)));
      }
    }
  }

  private enum Part {
    COUNTS(0),
    TOP(1),
    RANDOM(2),
    LABELS(3);

    final byte code;

    Part(int code) {
      this.code = (byte) code;
    }

    static Part of(byte code) {
      for (Part part : values()) {
        if (part.code == code) {
          return part;
        }
      }
      throw new IllegalStateException("state part: %d (expected: 0 to 3)".formatted(code));
    }
  }
}
