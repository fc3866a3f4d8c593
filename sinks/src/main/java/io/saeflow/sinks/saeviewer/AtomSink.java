// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.saeviewer;

import io.saeflow.schemas.feature.Example;
import io.saeflow.schemas.feature.FeatureRecord;
import io.saeflow.schemas.feature.FloatList;
import io.saeflow.sinks.files.AtomicFile;
import io.saeflow.sinks.files.Durability;
import io.saeflow.sinks.files.JsonBytes;
import io.saeflow.sinks.files.OutputFolder;
import io.saeflow.sinks.records.FeatureSink;
import io.saeflow.sinks.records.TokenText;
import io.saeflow.sinks.records.WindowJson;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * Writes {@code sae-viewer/<subject>/<sae path>/atoms/<latent>.json}, one file a feature, dead ones
 * too.
 *
 * <p>Moments are about zero and over all tokens: {@code mean_act} is E[a], {@code mean_act_squared}
 * E[a²], {@code skew} E[a³] / E[a²]^1.5, {@code kurtosis} E[a⁴] / E[a²]². Each is null where it is
 * undefined; {@code density} is then 0. {@code hist} counts values above zero only, in bins {@code
 * ceil(a / 0.2)}. A sequence's {@code density} is the share of its window's tokens above zero.
 */
public final class AtomSink implements FeatureSink {
  private final Path folder;
  private final WindowJson window;

  /** Of the file that is written. */
  private final JsonBytes bytes = new JsonBytes();

  /**
   * @param subject the model's name in the viewer
   * @param saePath the autoencoder's path under the subject
   * @throws IllegalArgumentException if these cannot be paths below {@code out}
   */
  public AtomSink(OutputFolder out, String subject, String saePath, TokenText text) {
    this.folder = out.resolve(folder(subject, saePath));
    this.window = new WindowJson(text);
  }

  /**
   * Where the files go, relative to the output folder.
   *
   * @throws IllegalArgumentException if the arguments cannot be relative paths
   */
  public static String folder(String subject, String saePath) {
    return "sae-viewer/%s/%s/atoms"
        .formatted(
            OutputFolder.requireRelative("subject", subject),
            OutputFolder.requireRelative("SAE path", saePath));
  }

  @Override
  public void write(FeatureRecord record) throws IOException {
    bytes.clear();
    append(record);
    AtomicFile.write(
        folder.resolve(record.getLatent() + ".json"), Durability.BUFFERED, bytes::writeTo);
  }

  private void append(FeatureRecord record) {
    double tokens = record.getTokens();
    // 0 / 0 without tokens makes every moment NaN, hence null.
    double meanSquare = record.getSum2() / tokens;
    double skew = record.getSum3() / tokens / Math.pow(meanSquare, 1.5);
    double kurtosis = record.getSum4() / tokens / (meanSquare * meanSquare);
    bytes.append("{\"density\":");
    bytes.appendNumber(record.getTokens() == 0 ? 0.0 : record.getActive() / tokens);
    bytes.append(",\"mean_act\":");
    bytes.appendFiniteOrNull(record.getSum1() / tokens);
    bytes.append(",\"mean_act_squared\":");
    bytes.appendFiniteOrNull(meanSquare);
    bytes.append(",\"skew\":");
    bytes.appendFiniteOrNull(skew);
    bytes.append(",\"kurtosis\":");
    bytes.appendFiniteOrNull(kurtosis);
    bytes.append(",\"hist\":{");
    for (int i = 0; i < record.getHistogramBins().size(); i++) {
      bytes.append(i == 0 ? "\"" : ",\"");
      bytes.appendNumber(record.getHistogramBins().get(i));
      bytes.append("\":");
      bytes.appendNumber(record.getHistogramCounts().get(i));
    }
    bytes.append("},\"random\":");
    append(record.getRandom());
    bytes.append(",\"top\":");
    append(record.getTop());
    bytes.append("}");
  }

  private void append(List<Example> examples) {
    bytes.append("[");
    for (Example example : examples) {
      append(example);
      bytes.append(",");
    }
    bytes.endArray();
  }

  private void append(Example example) {
    FloatList activations = FloatList.of(example.getActivations());
    int active = 0;
    for (int i = 0; i < activations.size(); i++) {
      active += activations.at(i) > 0 ? 1 : 0;
    }
    bytes.append("{\"density\":");
    bytes.appendNumber((double) active / activations.size());
    bytes.append(",\"doc_id\":");
    bytes.appendNumber(example.getDocument());
    bytes.append(",\"idx\":");
    bytes.appendNumber(example.getPosition() - example.getWindowStart());
    bytes.append(",\"act\":");
    bytes.appendNumber(example.getActivation());
    bytes.append(",\"acts\":");
    window.appendActivations(bytes, example);
    bytes.append(",\"tokens\":");
    window.appendTexts(bytes, example);
    bytes.append(",\"token_ints\":");
    window.appendIds(bytes, example);
    bytes.append("}");
  }
}
