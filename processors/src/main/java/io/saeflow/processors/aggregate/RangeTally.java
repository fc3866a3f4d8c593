// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import io.saeflow.schemas.feature.Example;
import io.saeflow.schemas.feature.FeatureRecord;
import io.saeflow.schemas.stream.DocumentSpan;
import io.saeflow.schemas.stream.EndOfStream;
import io.saeflow.schemas.stream.FeatureRange;
import io.saeflow.schemas.stream.LatentBatch;
import io.saeflow.schemas.stream.MalformedMessageException;
import io.saeflow.schemas.stream.TokenBatch;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The statistics of one feature range: exact, and independent of where batches are cut, of the
 * order in which they come and of how latents are split into ranges.
 *
 * <p>Within a sequence a feature's values are taken by position, which fixes the rounding of its
 * float64 sums; across sequences those sums are added exactly.
 */
final class RangeTally {
  /** The key under which what belongs to no single feature is saved. */
  private static final int RANGE_KEY = -1;

  private final FeatureRange range;
  private final TallyConfig config;
  private final RandomOrder randomOrder;
  private final FeatureTally[] features;
  private final LabelDictionary dictionary;

  private final SeenBatches seen = new SeenBatches();
  private long tokens;
  private long nonFiniteTokens;
  private long sequences;

  /** One more than the last sequence seen. */
  private long sequencesTo;

  /** Of the last end of the stream seen, -1 before there is one. */
  private long endSequences = -1;

  private final BitSet dirtyCounts = new BitSet();
  private final BitSet dirtyTop = new BitSet();
  private final BitSet dirtyRandom = new BitSet();
  private final BitSet dirtyLabels = new BitSet();

  RangeTally(String sae, FeatureRange range, TallyConfig config) {
    this.range = range;
    this.config = config;
    this.randomOrder = new RandomOrder(config.seed(), sae);
    this.features = new FeatureTally[range.size()];
    this.dictionary = new LabelDictionary(config.labels());
    Arrays.setAll(features, i -> new FeatureTally(config.top(), config.random()));
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

  /** What all of the state takes when it is saved. */
  long stateBytes() {
    long bytes = 0;
    for (FeatureTally feature : features) {
      bytes += feature.countsBytes() + feature.labels().bytes();
      bytes += feature.top().bytes() + feature.random().bytes();
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
    BatchLabels labels = BatchLabels.read(config.labels(), batch.batch());
    if (!seen.add(batch.number())) {
      return;
    }
    tokens += batch.batch().tokens().length - batch.nonFiniteTokens();
    nonFiniteTokens += batch.nonFiniteTokens();
    sequences += batch.batch().sequences();
    sequencesTo = Math.max(sequencesTo, batch.batch().firstSequence() + batch.batch().sequences());
    labels.addTo(dictionary);
    move(dictionary.dropSurplus());
    new BatchByFeature(batch, labels.ids(dictionary)).forEachFeature();
  }

  /** Counts what was active under dropped label values with their fields' other values. */
  private void move(List<LabelDictionary.Dropped> dropped) {
    for (LabelDictionary.Dropped value : dropped) {
      for (int f = 0; f < features.length; f++) {
        long active = features[f].labels().remove(value.from());
        if (active > 0) {
          features[f].labels().add(value.to(), active);
          dirtyLabels.set(f);
        }
      }
    }
  }

  /** The record of a latent of this range. */
  FeatureRecord record(int latent) {
    FeatureTally feature = features[latent - range.from()];
    return FeatureRecord.newBuilder()
        .setLatent(latent)
        .setSequences(sequences)
        .setComplete(isComplete())
        .setTokens(tokens)
        .setNonFiniteTokens(nonFiniteTokens)
        .setActive(feature.active())
        .setMax(feature.max())
        .setSum1(feature.powerSum(1))
        .setSum2(feature.powerSum(2))
        .setSum3(feature.powerSum(3))
        .setSum4(feature.powerSum(4))
        .setHistogramBins(feature.histogram().bins())
        .setHistogramCounts(feature.histogram().counts())
        .setTop(examples(feature.top(), FiringSelection.STRONGEST))
        .setRandom(
            examples(
                feature.random(),
                Comparator.comparingLong(Firing::sequence).thenComparingInt(Firing::position)))
        .setLabels(dictionary.counts(feature.labels()))
        .build();
  }

  /** Hands over every key and value that changed since the last call. */
  void saveChanges(BiConsumer<byte[], byte[]> log) {
    dirtyCounts.stream().forEach(i -> log.accept(key(i, Part.COUNTS), features[i].countsToBytes()));
    dirtyTop.stream().forEach(i -> log.accept(key(i, Part.TOP), bytes(features[i].top())));
    dirtyRandom.stream().forEach(i -> log.accept(key(i, Part.RANDOM), bytes(features[i].random())));
    dirtyLabels.stream().forEach(i -> log.accept(key(i, Part.LABELS), bytes(features[i].labels())));
    dirtyCounts.clear();
    dirtyTop.clear();
    dirtyRandom.clear();
    dirtyLabels.clear();
    ByteBuffer range = ByteBuffer.allocate(5 * Long.BYTES + seen.bytes());
    range.putLong(tokens).putLong(nonFiniteTokens);
    range.putLong(sequences).putLong(sequencesTo).putLong(endSequences);
    seen.writeTo(range);
    log.accept(rangeKey(Part.COUNTS), range.array());
    if (!config.labels().isEmpty()) {
      log.accept(rangeKey(Part.LABELS), dictionary.toBytes());
    }
  }

  /** Takes back one key and value that {@link #saveChanges} handed over. */
  void restore(byte[] key, byte[] value) {
    ByteBuffer in = ByteBuffer.wrap(key);
    int latent = in.getInt();
    Part part = Part.of(in.get());
    ByteBuffer content = ByteBuffer.wrap(value);
    if (latent == RANGE_KEY && part == Part.LABELS) {
      dictionary.readFrom(content);
      return;
    }
    if (latent == RANGE_KEY) {
      tokens = content.getLong();
      nonFiniteTokens = content.getLong();
      sequences = content.getLong();
      sequencesTo = content.getLong();
      endSequences = content.getLong();
      seen.readFrom(content);
      return;
    }
    FeatureTally feature = features[latent - range.from()];
    switch (part) {
      case COUNTS -> feature.countsFromBytes(content);
      case TOP -> feature.top().readFrom(content);
      case RANDOM -> feature.random().readFrom(content);
      case LABELS -> feature.labels().readFrom(content);
    }
  }

  private byte[] key(int feature, Part part) {
    return savedKey(range.from() + feature, part);
  }

  private static byte[] rangeKey(Part part) {
    return savedKey(RANGE_KEY, part);
  }

  private static byte[] savedKey(int latent, Part part) {
    return ByteBuffer.allocate(5).putInt(latent).put(part.code).array();
  }

  private static byte[] bytes(SparseCounts counts) {
    ByteBuffer out = ByteBuffer.allocate(counts.bytes());
    counts.writeTo(out);
    return out.array();
  }

  private static byte[] bytes(FiringSelection selection) {
    ByteBuffer out = ByteBuffer.allocate(selection.bytes());
    selection.writeTo(out);
    return out.array();
  }

  private static List<Example> examples(FiringSelection selection, Comparator<Firing> order) {
    return selection.toList().stream().sorted(order).map(Firing::toExample).toList();
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

  /** One batch, regrouped from tokens to features: each feature's entries by (row, position). */
  private final class BatchByFeature {
    private final TokenBatch batch;
    private final float[] values;

    /** For feature f, its entries are {@code order[starts[f] .. starts[f + 1])}. */
    private final int[] starts = new int[features.length + 1];

    private final int[] order;
    private final int[] tokenOfEntry;

    /** For each label field, the id of each token's value. */
    private final int[][] labels;

    BatchByFeature(LatentBatch latents, int[][] labels) {
      this.labels = labels;
      this.batch = latents.batch();
      this.values = latents.values();
      this.order = new int[latents.size()];
      this.tokenOfEntry = new int[latents.size()];
      int[] offsets = latents.offsets();
      for (int token = 0; token < offsets.length - 1; token++) {
        Arrays.fill(tokenOfEntry, offsets[token], offsets[token + 1], token);
      }
      int[] index = latents.latents();
      for (int latent : index) {
        starts[latent - range.from() + 1]++;
      }
      for (int f = 0; f < features.length; f++) {
        starts[f + 1] += starts[f];
      }
      int[] next = starts.clone();
      for (int e = 0; e < index.length; e++) {
        order[next[index[e] - range.from()]++] = e;
      }
    }

    void forEachFeature() {
      for (int f = 0; f < features.length; f++) {
        if (starts[f] < starts[f + 1]) {
          dirtyCounts.set(f);
          for (int[] ids : labels) {
            addLabels(f, ids, starts[f], starts[f + 1]);
          }
          int from = starts[f];
          while (from < starts[f + 1]) {
            int to = from + 1;
            while (to < starts[f + 1] && row(to) == row(from)) {
              to++;
            }
            addCounts(features[f], from, to);
            addRow(f, from, to);
            from = to;
          }
        }
      }
    }

    /** Adds what the feature has in one row. */
    private void addCounts(FeatureTally feature, int from, int to) {
      double sum1 = 0;
      double sum2 = 0;
      double sum3 = 0;
      double sum4 = 0;
      for (int i = from; i < to; i++) {
        float value = value(i);
        double a = value;
        double square = a * a;
        sum1 += a;
        sum2 += square;
        sum3 += square * a;
        sum4 += square * square;
        if (value > 0) {
          feature.addPositive(value);
        }
      }
      feature.addPowerSums(sum1, sum2, sum3, sum4);
    }

    /** Neighbours mostly come from one document: a stretch of them is added at once. */
    private void addLabels(int f, int[] ids, int from, int to) {
      int i = from;
      while (i < to) {
        int id = ids[tokenOfEntry[order[i]]];
        int active = 0;
        for (; i < to && ids[tokenOfEntry[order[i]]] == id; i++) {
          if (value(i) > 0) {
            active++;
          }
        }
        if (id != LabelDictionary.NONE && active > 0) {
          features[f].labels().add(id, active);
          dirtyLabels.set(f);
        }
      }
    }

    /** Offers what the feature has in one row to its selections. */
    private void addRow(int f, int from, int to) {
      FeatureTally feature = features[f];
      int latent = range.from() + f;
      long sequence = batch.firstSequence() + row(from);
      int best = from;
      for (int i = from; i < to; i++) {
        float value = value(i);
        if (value > value(best)) {
          best = i;
        }
        if (value > 0 && feature.random().capacity() > 0) {
          long rank = randomOrder.rank(latent, sequence, position(i));
          if (!feature.random().isFull()
              || Long.compareUnsigned(rank, feature.random().last().rank()) <= 0) {
            if (feature.random().offer(firing(i, from, to, rank, sequence))) {
              dirtyRandom.set(f);
            }
          }
        }
      }
      if (value(best) > 0
          && feature.top().capacity() > 0
          && (!feature.top().isFull() || value(best) >= feature.top().last().activation())) {
        long rank = randomOrder.rank(latent, sequence, position(best));
        if (feature.top().offer(firing(best, from, to, rank, sequence))) {
          dirtyTop.set(f);
        }
      }
    }

    private Firing firing(int i, int from, int to, long rank, long sequence) {
      int length = Math.min(config.window(), batch.contextLength());
      int position = position(i);
      int start = Math.max(0, Math.min(position - length / 2, batch.contextLength() - length));
      int row = row(i);
      int first = row * batch.contextLength() + start;
      int[] window = Arrays.copyOfRange(batch.tokens(), first, first + length);
      float[] activations = new float[length];
      for (int j = from; j < to; j++) {
        int at = position(j) - start;
        if (at >= 0 && at < length) {
          activations[at] = value(j);
        }
      }
      DocumentSpan span = spanAt(batch.documents().get(row), position);
      long document = span == null ? -1 : span.document();
      return Firing.of(rank, sequence, position, value(i), document, start, window, activations);
    }

    private @Nullable DocumentSpan spanAt(List<DocumentSpan> spans, int position) {
      DocumentSpan found = null;
      for (DocumentSpan span : spans) {
        if (span.start() > position) {
          break;
        }
        found = span;
      }
      return found;
    }

    private float value(int i) {
      return values[order[i]];
    }

    private int row(int i) {
      return tokenOfEntry[order[i]] / batch.contextLength();
    }

    private int position(int i) {
      return tokenOfEntry[order[i]] % batch.contextLength();
    }
  }
}
