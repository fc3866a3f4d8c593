// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.verify;

import static io.saeflow.sinks.verify.UnsoundFileException.require;

import com.fasterxml.jackson.databind.JsonNode;
import io.saeflow.sinks.verify.FeatureRules.Window;
import java.util.ArrayList;
import java.util.List;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;

/** A feature's file for the sae-viewer. */
final class AtomCheck implements FeatureFileCheck {
  private static final Set<String> FIELDS =
      Set.of(
          "density", "mean_act", "mean_act_squared", "skew", "kurtosis", "hist", "random", "top");
  private static final Set<String> ROW_FIELDS =
      Set.of("density", "doc_id", "idx", "act", "acts", "tokens", "token_ints");

  /** What the rounding of sums and powers may add up to. */
  private static final double ROUNDING = 1e-9;

  private final FeatureRules rules;

  AtomCheck(FeatureRules rules) {
    this.rules = rules;
  }

  @Override
  public void check(int latent, JsonNode file, FeatureFacts facts) throws UnsoundFileException {
    JsonFields atom = JsonFields.of("", file, FIELDS);
    NavigableMap<Integer, Long> histogram = histogram(atom.get("hist"));
    long active = FeatureRules.requireHistogram(histogram);
    facts.active(latent, active);
    requireDensity(atom.number("density"), active, facts);
    requireMoments(atom);
    List<Window> top = windows(atom, "top");
    rules.requireTop(top, active);
    if (!top.isEmpty()) {
      float largest = top.get(0).activation();
      FeatureRules.requireLargest(histogram, largest);
      facts.largest(latent, largest);
    }
    rules.requireRandom(windows(atom, "random"), active);
  }

  /** The density is the quotient of two integers, and the histogram has the first. */
  private static void requireDensity(double density, long active, FeatureFacts facts)
      throws UnsoundFileException {
    if (active == 0) {
      require(density == 0, "density %s (expected: 0, as the histogram is empty)", density);
      return;
    }
    long tokens = density > 0 ? Math.round(active / density) : 0;
    require(
        tokens >= active && active / (double) tokens == density,
        "density %s (expected: %d, the histogram's sum, over a number of tokens)",
        density,
        active);
    facts.tokens(tokens);
  }

  private static void requireMoments(JsonFields atom) throws UnsoundFileException {
    double mean = atom.numberOrNull("mean_act");
    double square = atom.numberOrNull("mean_act_squared");
    double skew = atom.numberOrNull("skew");
    double kurtosis = atom.numberOrNull("kurtosis");
    // Comparisons with NaN, for null, hold in none of these.
    require(
        !(square < mean * mean * (1 - ROUNDING)),
        "mean_act_squared %s (expected: at least %s, the square of mean_act)",
        square,
        mean * mean);
    require(
        !(kurtosis < skew * skew * (1 - ROUNDING)),
        "kurtosis %s (expected: at least %s, the square of skew)",
        kurtosis,
        skew * skew);
  }

  private static NavigableMap<Integer, Long> histogram(JsonNode hist) throws UnsoundFileException {
    require(hist.isObject(), "hist: %s (expected: an object)", hist.getNodeType());
    NavigableMap<Integer, Long> histogram = new TreeMap<>();
    for (var bin : hist.properties()) {
      int id = Names.canonicalInt(bin.getKey());
      require(id >= 0, "hist: bin '%s' (expected: a number)", bin.getKey());
      require(
          bin.getValue().isIntegralNumber() && bin.getValue().canConvertToLong(),
          "hist: %s in bin %d (expected: an integer)",
          bin.getValue(),
          id);
      histogram.put(id, bin.getValue().longValue());
    }
    return histogram;
  }

  private static List<Window> windows(JsonFields atom, String field) throws UnsoundFileException {
    List<Window> windows = new ArrayList<>();
    for (JsonNode element : atom.elements(field)) {
      String place = "%s %d: ".formatted(field, windows.size());
      JsonFields row = JsonFields.of(place, element, ROW_FIELDS);
      List<Float> acts = row.floats("acts");
      int tokens = row.tokens("token_ints");
      int texts = row.texts("tokens");
      require(texts == tokens, "%s%d tokens (expected: %d, one a token id)", place, texts, tokens);
      long above = acts.stream().filter(act -> act > 0).count();
      require(
          row.number("density") == (double) above / acts.size(),
          "%sdensity %s (expected: %d of %d tokens)",
          place,
          row.get("density"),
          above,
          acts.size());
      require(
          row.integer("doc_id") >= -1,
          "%sdoc_id %s (expected: -1 or a document)",
          place,
          row.get("doc_id"));
      long index = row.integer("idx");
      windows.add(
          new Window(
              (int) Math.max(-1, Math.min(index, Integer.MAX_VALUE)),
              (float) row.number("act"),
              acts,
              tokens));
    }
    return windows;
  }
}
