// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.view;

import io.saeflow.schemas.feature.EncodingStatistics;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * A row for each feature of one autoencoder, and where the versions of its record are. Everything
 * is in arrays of primitives: some 40 bytes a feature and 40 a version. Safe for use by several
 * threads.
 */
final class FeatureIndex {
  /** What a table of features is sorted by. */
  enum Sort {
    INDEX,
    DENSITY,
    MAX,
    MEAN,
    ACTIVE
  }

  /** Which way. Features without a value come last either way. */
  enum Order {
    ASC,
    DESC
  }

  /** Which features a table shows. */
  enum Alive {
    ALIVE,
    NOT_ALIVE,
    ANY
  }

  /**
   * Part of a table of features.
   *
   * @param index only this feature, or -1
   * @param topTokens only features with one of these among their top tokens, or null
   * @param from how many rows to pass over
   */
  record Query(
      Sort sort,
      Order order,
      int index,
      Optional<BitSet> topTokens,
      Alive alive,
      double minDensity,
      double maxDensity,
      int from,
      int limit) {}

  /**
   * One row.
   *
   * @param mean of the activations above zero; NaN if there are none
   */
  record Row(
      int index, double density, long active, float max, double mean, List<Integer> topTokens) {}

  /**
   * Rows.
   *
   * @param total how many there are in all
   */
  record Page(int total, List<Row> rows) {}

  /** Where a record is in its log. */
  record Place(long offset, int length) {}

  /** What a feature's estimate was after some tokens; {@code mean} is over all of them. */
  record Estimate(long tokens, double density, double mean) {}

  /** A feature and its drift over one label field. */
  record Drifter(int index, LabelDrift drift) {}

  private static final int NONE = -1;

  private final int latents;

  // By latent.
  private final int[] latest;
  private final float[] max;
  private final int[] length;
  private final int[] topTokens;
  private final BitSet complete = new BitSet();
  private final Map<String, LabelDrift[]> drifts = new HashMap<>();

  // By version.
  private long[] offset = new long[1024];
  private long[] tokens = new long[1024];
  private long[] active = new long[1024];
  private double[] sum1 = new double[1024];
  private int[] previous = new int[1024];
  private int versions;

  private EncodingStatistics statistics = EncodingStatistics.NONE;
  private final Map<List<Enum<?>>, int[]> sorted = new HashMap<>();

  FeatureIndex(int latents) {
    this.latents = latents;
    latest = new int[latents];
    Arrays.fill(latest, NONE);
    max = new float[latents];
    length = new int[latents];
    topTokens = new int[latents * SummaryReader.TOP_TOKENS];
  }

  /** Takes a feature's next version. One that covers as many tokens as the last replaces it. */
  synchronized void put(RecordSummary summary, long recordOffset, int recordLength) {
    statistics = statistics.latest(summary.statistics());
    int latent = summary.latent();
    int last = latest[latent];
    int version = last;
    if (last == NONE || tokens[last] != summary.tokens()) {
      version = versions++;
      if (version == offset.length) {
        grow();
      }
      previous[version] = last;
      latest[latent] = version;
    }
    offset[version] = recordOffset;
    tokens[version] = summary.tokens();
    active[version] = summary.active();
    sum1[version] = summary.sum1();
    length[latent] = recordLength;
    max[latent] = summary.max();
    complete.set(latent, summary.complete());
    int row = latent * SummaryReader.TOP_TOKENS;
    for (int i = 0; i < SummaryReader.TOP_TOKENS; i++) {
      topTokens[row + i] = i < summary.topTokens().size() ? summary.topTokens().get(i) : NONE;
    }
    for (LabelDrift drift : summary.drifts()) {
      drifts.computeIfAbsent(drift.field(), field -> new LabelDrift[latents])[latent] = drift;
    }
    sorted.clear();
  }

  int latents() {
    return latents;
  }

  /** Whether every feature's record is complete. */
  synchronized boolean complete() {
    return complete.cardinality() == latents;
  }

  /** The most tokens that any record covers. */
  synchronized long tokens() {
    long most = 0;
    for (int v = 0; v < versions; v++) {
      most = Math.max(most, tokens[v]);
    }
    return most;
  }

  /** What encoding has come to. */
  synchronized EncodingStatistics statistics() {
    return statistics;
  }

  synchronized FeatureCounts counts() {
    int alive = 0;
    int dead = 0;
    int dense = 0;
    for (int version : latest) {
      if (version != NONE) {
        alive += active[version] > 0 ? 1 : 0;
        dead += FeatureCounts.isDead(tokens[version], active[version]) ? 1 : 0;
        dense += FeatureCounts.isDense(tokens[version], active[version]) ? 1 : 0;
      }
    }
    return new FeatureCounts(alive, dead, dense);
  }

  /** Where a feature's latest record is. */
  synchronized Optional<Place> place(int latent) {
    return latest[latent] == NONE
        ? Optional.empty()
        : Optional.of(new Place(offset[latest[latent]], length[latent]));
  }

  /** Its estimates, by tokens. */
  synchronized List<Estimate> history(int latent) {
    List<Estimate> history = new ArrayList<>();
    for (int v = latest[latent]; v != NONE; v = previous[v]) {
      history.add(0, new Estimate(tokens[v], density(v), sum1[v] / tokens[v]));
    }
    return history;
  }

  /** The next feature after {@code latent} that has a record, going by {@code step}. */
  synchronized Optional<Integer> neighbour(int latent, int step) {
    for (int i = latent + step; i >= 0 && i < latents; i += step) {
      if (latest[i] != NONE) {
        return Optional.of(i);
      }
    }
    return Optional.empty();
  }

  synchronized Page page(Query query) {
    List<Row> rows = new ArrayList<>();
    int total = 0;
    for (int latent : ordered(query.sort(), query.order())) {
      if (matches(query, latent)) {
        if (total >= query.from() && rows.size() < query.limit()) {
          rows.add(row(latent));
        }
        total++;
      }
    }
    return new Page(total, rows);
  }

  /** The densities of the features that fired. */
  synchronized double[] densities() {
    return Arrays.stream(latest)
        .filter(v -> v != NONE && active[v] > 0)
        .mapToDouble(this::density)
        .toArray();
  }

  /** The label fields by which features can be compared. */
  synchronized Set<String> driftFields() {
    return new TreeSet<>(drifts.keySet());
  }

  /** Those that differ most over a label field, highest score first. */
  synchronized List<Drifter> drifters(String field, int limit) {
    LabelDrift[] ofField = drifts.getOrDefault(field, new LabelDrift[0]);
    double[] keys = new double[ofField.length];
    for (int i = 0; i < ofField.length; i++) {
      keys[i] = ofField[i] == null ? Double.NaN : -ofField[i].score();
    }
    List<Drifter> drifters = new ArrayList<>();
    for (int latent : ascending(keys)) {
      if (ofField[latent] == null || drifters.size() == limit) {
        break;
      }
      drifters.add(new Drifter(latent, ofField[latent]));
    }
    return drifters;
  }

  private double density(int version) {
    return tokens[version] == 0 ? 0 : (double) active[version] / tokens[version];
  }

  private double mean(int version) {
    return active[version] == 0 ? Double.NaN : sum1[version] / active[version];
  }

  private Row row(int latent) {
    int version = latest[latent];
    List<Integer> strongest = new ArrayList<>();
    for (int i = 0; i < SummaryReader.TOP_TOKENS; i++) {
      int token = topTokens[latent * SummaryReader.TOP_TOKENS + i];
      if (token != NONE) {
        strongest.add(token);
      }
    }
    return new Row(
        latent, density(version), active[version], max[latent], mean(version), strongest);
  }

  private boolean matches(Query query, int latent) {
    int version = latest[latent];
    if (query.index() != NONE && query.index() != latent) {
      return false;
    }
    boolean alive = active[version] > 0;
    if (query.alive() != Alive.ANY && alive != (query.alive() == Alive.ALIVE)) {
      return false;
    }
    double density = density(version);
    return density >= query.minDensity()
        && density <= query.maxDensity()
        && query.topTokens().map(some -> hasOne(latent, some)).orElse(true);
  }

  private boolean hasOne(int latent, BitSet some) {
    int row = latent * SummaryReader.TOP_TOKENS;
    for (int i = row; i < row + SummaryReader.TOP_TOKENS && topTokens[i] != NONE; i++) {
      if (some.get(topTokens[i])) {
        return true;
      }
    }
    return false;
  }

  /** The features that have a record, in order; kept until a record changes. */
  private int[] ordered(Sort sort, Order order) {
    return sorted.computeIfAbsent(List.of(sort, order), key -> sort(sort, order));
  }

  private int[] sort(Sort sort, Order order) {
    double[] keys = new double[latents];
    for (int i = 0; i < latents; i++) {
      double key = latest[i] == NONE ? Double.NaN : key(sort, i);
      keys[i] = order == Order.ASC ? key : -key;
    }
    return Arrays.stream(ascending(keys)).filter(i -> latest[i] != NONE).toArray();
  }

  private double key(Sort sort, int latent) {
    int version = latest[latent];
    return switch (sort) {
      case INDEX -> latent;
      case DENSITY -> density(version);
      case MAX -> max[latent];
      case MEAN -> mean(version);
      case ACTIVE -> active[version];
    };
  }

  /** Indices by key, NaN last, equal keys by index. Primitive sorts only: these are fast. */
  private static int[] ascending(double[] keys) {
    double[] distinct = Arrays.stream(keys).map(k -> k + 0.0).sorted().toArray();
    long[] ranked = new long[keys.length];
    for (int i = 0; i < keys.length; i++) {
      // -0.0 sorts below 0.0, and adding makes it 0.0. A search may hit any of equal keys, but
      // hits the same one for each of them.
      ranked[i] = (long) Arrays.binarySearch(distinct, keys[i] + 0.0) << 32 | i;
    }
    Arrays.sort(ranked);
    return Arrays.stream(ranked).mapToInt(r -> (int) r).toArray();
  }

  private void grow() {
    int size = offset.length + (offset.length >> 1);
    offset = Arrays.copyOf(offset, size);
    tokens = Arrays.copyOf(tokens, size);
    active = Arrays.copyOf(active, size);
    sum1 = Arrays.copyOf(sum1, size);
    previous = Arrays.copyOf(previous, size);
  }
}
