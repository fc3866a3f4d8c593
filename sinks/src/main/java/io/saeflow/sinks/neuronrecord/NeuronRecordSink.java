// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.neuronrecord;

import io.saeflow.schemas.Topics;
import io.saeflow.schemas.feature.Example;
import io.saeflow.schemas.feature.FeatureRecord;
import io.saeflow.schemas.feature.FloatList;
import io.saeflow.schemas.hook.HookPoint;
import io.saeflow.sinks.files.AtomicFile;
import io.saeflow.sinks.files.Durability;
import io.saeflow.sinks.files.JsonBytes;
import io.saeflow.sinks.files.OutputFolder;
import io.saeflow.sinks.records.FeatureSink;
import io.saeflow.sinks.records.TokenText;
import io.saeflow.sinks.records.WindowJson;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Writes {@code neuron-records/<sae id>/collated_activations/<layer>/<latent>.json}, one file a
 * feature, dead ones too. The loader refuses keys that it does not know, so there are no others.
 *
 * <ul>
 *   <li>{@code mean}, {@code variance}, {@code skewness}, {@code kurtosis}: over all tokens, about
 *       the mean; kurtosis is 3 for a normal distribution. Null where undefined, or where a
 *       variance below a millionth of E[a²] leaves skewness and kurtosis to rounding.
 *   <li>{@code most_positive_activation_records}: the top sequences' windows, best first.
 *   <li>{@code random_sample}: the windows of the random firings, by sequence, then position.
 *   <li>{@code random_sample_by_quantile}: these windows again, ascending by their maximum, cut at
 *       ranks 0.5, 0.9 and 0.99 into four lists, which may be empty.
 *   <li>{@code quantile_boundaries}: the 0.5, 0.9, 0.99 and 0.999 quantiles of these maxima: the
 *       value at rank {@code floor(q * n)} of n, from 0. Null without a sample.
 * </ul>
 */
public final class NeuronRecordSink implements FeatureSink {
  /** Ranks, in thousandths, that begin the lists after the first. */
  private static final int[] CUTS = {500, 900, 990};

  /** Quantiles, in thousandths, that the viewer names. */
  private static final int[] BOUNDARIES = {500, 900, 990, 999};

  private final Path folder;
  private final int layer;
  private final WindowJson window;

  /** Of the file that is written. */
  private final JsonBytes bytes = new JsonBytes();

  /**
   * @param sae the autoencoder's id
   * @param hook where it reads; its layer becomes part of the path and the record
   * @throws IllegalArgumentException if {@code sae} is not an id
   */
  public NeuronRecordSink(OutputFolder out, String sae, HookPoint hook, TokenText text) {
    this.folder = out.resolve(folder(sae, hook));
    this.layer = hook.layer();
    this.window = new WindowJson(text);
  }

  /**
   * Where the files go, relative to the output folder.
   *
   * @throws IllegalArgumentException if {@code sae} is not an id
   */
  public static String folder(String sae, HookPoint hook) {
    return "neuron-records/%s/collated_activations/%d"
        .formatted(Topics.requireSaeId(sae), hook.layer());
  }

  @Override
  public void write(FeatureRecord record) throws IOException {
    bytes.clear();
    append(record);
    AtomicFile.write(
        folder.resolve(record.getLatent() + ".json"), Durability.BUFFERED, bytes::writeTo);
  }

  private void append(FeatureRecord record) {
    CentralMoments moments = CentralMoments.of(record);
    bytes.append(
        "{\"dataclass_name\":\"NeuronRecord\",\"neuron_id\":{\"dataclass_name\":\"NeuronId\",\"layer_index\":");
    bytes.appendNumber(layer);
    bytes.append(",\"neuron_index\":");
    bytes.appendNumber(record.getLatent());
    bytes.append("},\"random_sample\":[");
    List<Window> ascending = new ArrayList<>();
    for (Example example : record.getRandom()) {
      int from = bytes.size();
      append(example);
      ascending.add(new Window(from, bytes.size(), maximum(example)));
      bytes.append(",");
    }
    bytes.endArray();
    ascending.sort(Comparator.comparingDouble(Window::maximum));
    appendQuantiles(ascending);
    bytes.append(",\"mean\":");
    bytes.appendFiniteOrNull(moments.mean());
    bytes.append(",\"variance\":");
    bytes.appendFiniteOrNull(moments.variance());
    bytes.append(",\"skewness\":");
    bytes.appendFiniteOrNull(moments.skewness());
    bytes.append(",\"kurtosis\":");
    bytes.appendFiniteOrNull(moments.kurtosis());
    bytes.append(",\"most_positive_activation_records\":[");
    for (Example example : record.getTop()) {
      append(example);
      bytes.append(",");
    }
    bytes.endArray();
    bytes.append("}");
  }

  private void appendQuantiles(List<Window> ascending) {
    bytes.append(",\"random_sample_by_quantile\":[");
    int from = 0;
    for (int cut : CUTS) {
      int to = rank(cut, ascending.size());
      appendAgain(ascending.subList(from, to));
      bytes.append(",");
      from = to;
    }
    appendAgain(ascending.subList(from, ascending.size()));
    bytes.append("],\"quantile_boundaries\":");
    if (ascending.isEmpty()) {
      bytes.append("null");
      return;
    }
    bytes.append("[");
    for (int boundary : BOUNDARIES) {
      bytes.appendNumber(ascending.get(rank(boundary, ascending.size())).maximum());
      bytes.append(",");
    }
    bytes.endArray();
  }

  private void appendAgain(List<Window> windows) {
    bytes.append("[");
    for (Window one : windows) {
      bytes.appendAgain(one.from, one.to);
      bytes.append(",");
    }
    bytes.endArray();
  }

  private void append(Example example) {
    bytes.append("{\"dataclass_name\":\"ActivationRecord\",\"tokens\":");
    window.appendTexts(bytes, example);
    bytes.append(",\"activations\":");
    window.appendActivations(bytes, example);
    bytes.append("}");
  }

  /** A window at {@code [from, to)} of the file's bytes, and what it is ranked by. */
  private record Window(int from, int to, float maximum) {}

  private static int rank(int thousandths, int size) {
    return (int) ((long) thousandths * size / 1000);
  }

  private static float maximum(Example example) {
    FloatList activations = FloatList.of(example.getActivations());
    float maximum = Float.NEGATIVE_INFINITY;
    for (int i = 0; i < activations.size(); i++) {
      maximum = Math.max(maximum, activations.at(i));
    }
    return maximum;
  }
}
