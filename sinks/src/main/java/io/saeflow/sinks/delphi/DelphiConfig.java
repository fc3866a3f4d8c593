// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.delphi;

import io.saeflow.schemas.feature.RunManifest;
import io.saeflow.schemas.feature.SaeManifest;
import io.saeflow.schemas.stream.EndOfStream;
import io.saeflow.sinks.files.Durability;
import io.saeflow.sinks.files.JsonFile;
import java.io.IOException;
import java.nio.file.Path;

/** The {@code config.json} beside the shards, which delphi's loader requires. */
final class DelphiConfig {
  private DelphiConfig() {}

  /** Our corpora are files, without a repository, a split or a configuration name. */
  static void write(Path file, RunManifest manifest, SaeManifest sae, EndOfStream end)
      throws IOException {
    String column = manifest.getTextField();
    JsonFile.write(
        file,
        Durability.FORCED,
        JsonFile.Layout.INDENTED,
        json -> {
          json.writeStartObject();
          json.writeStringField("dataset_repo", String.join(",", manifest.getDataset()));
          json.writeStringField("dataset_split", "train");
          json.writeStringField("dataset_name", "");
          json.writeStringField("dataset_column", column == null ? "text" : column);
          json.writeNumberField("batch_size", manifest.getBatchSize());
          // Older releases read the first name, newer ones the second.
          json.writeNumberField("ctx_len", manifest.getContextLength());
          json.writeNumberField("cache_ctx_len", manifest.getContextLength());
          json.writeNumberField("n_tokens", end.tokens());
          json.writeNumberField("n_splits", sae.getFeatureRanges());
          json.writeStringField("model_name", manifest.getSubject());
          json.writeEndObject();
        });
  }
}
