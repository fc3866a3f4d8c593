// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.view;

import io.saeflow.schemas.feature.RunManifest;
import io.saeflow.schemas.feature.SaeManifest;
import io.saeflow.sinks.files.Durability;
import io.saeflow.sinks.files.JsonFile;
import io.saeflow.sinks.files.OutputFolder;
import io.saeflow.sinks.records.TokenText;
import java.io.IOException;

/** Where the viewer's files are, relative to the output folder, and those that never grow. */
public final class ViewFiles {
  /** What the run is. */
  public static final String RUN = "view/run.json";

  /** The tokens' texts. */
  public static final String VOCABULARY = "view/vocabulary.json";

  /** How far the run was, when; grows. */
  public static final String PROGRESS = "view/progress.jsonl";

  private ViewFiles() {}

  /**
   * An autoencoder's log of records.
   *
   * @throws IllegalArgumentException if the id cannot be a file's name
   */
  public static String records(String sae) {
    if (sae.indexOf('/') >= 0) {
      throw new IllegalArgumentException("SAE id: '%s' (expected: no '/')".formatted(sae));
    }
    return "view/" + OutputFolder.requireRelative("SAE id", sae) + ".records";
  }

  /**
   * Writes {@code run.json} and {@code vocabulary.json}, an array of the tokens' texts by id,
   * replacing each at once.
   *
   * @param vocabularySize {@code text} knows the ids from 0 to one less
   */
  public static void write(
      OutputFolder out, RunManifest manifest, TokenText text, int vocabularySize)
      throws IOException {
    JsonFile.write(
        out.resolve(VOCABULARY),
        Durability.BUFFERED,
        JsonFile.Layout.COMPACT,
        json -> {
          json.writeStartArray();
          for (int id = 0; id < vocabularySize; id++) {
            json.writeString(text.text(id));
          }
          json.writeEndArray();
        });
    JsonFile.write(
        out.resolve(RUN),
        Durability.BUFFERED,
        JsonFile.Layout.INDENTED,
        json -> {
          json.writeStartObject();
          json.writeStringField("run", manifest.getRun());
          json.writeStringField("subject", manifest.getSubject());
          json.writeNumberField("contextLength", manifest.getContextLength());
          json.writeNumberField("window", manifest.getWindow());
          json.writeArrayFieldStart("labels");
          for (String label : manifest.getLabels()) {
            json.writeString(label);
          }
          json.writeEndArray();
          json.writeArrayFieldStart("saes");
          for (SaeManifest sae : manifest.getSaes()) {
            json.writeStartObject();
            json.writeStringField("id", sae.getId());
            json.writeStringField("hook", sae.getHook());
            json.writeNumberField("latents", sae.getLatents());
            json.writeStringField("architecture", sae.getArchitecture());
            if (sae.getK() == null) {
              json.writeNullField("k");
            } else {
              json.writeNumberField("k", sae.getK());
            }
            json.writeStringField("saePath", sae.getSaePath());
            json.writeEndObject();
          }
          json.writeEndArray();
          json.writeEndObject();
        });
  }
}
