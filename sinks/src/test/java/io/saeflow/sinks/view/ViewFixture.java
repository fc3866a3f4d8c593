// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.view;

import io.saeflow.schemas.feature.AvroCodec;
import io.saeflow.schemas.feature.FeatureRecord;
import io.saeflow.schemas.feature.LabelCounts;
import io.saeflow.schemas.feature.RunManifest;
import io.saeflow.sinks.Fixtures;
import io.saeflow.sinks.files.OutputFolder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * A run of one autoencoder, {@code a}, with four latents: 0 and 2 fire on 2 of 5 tokens, 1 is dead,
 * 3 has no record yet. Token 10 reads "Ten", 11 " eleven", and so on.
 */
final class ViewFixture {
  static final List<String> WORDS =
      List.of("0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "Ten", " eleven", " twelve");

  private ViewFixture() {}

  static RunManifest manifest() {
    return Fixtures.manifest(Fixtures.sae("a", 4, 1).build())
        .setLabels(List.of("year:10", "party"))
        .build();
  }

  static void writeRun(Path out) throws IOException {
    ViewFiles.write(new OutputFolder(out), manifest(), WORDS::get, WORDS.size());
  }

  static ViewSink sink(Path out) throws IOException {
    return new ViewSink(new OutputFolder(out), "a", 4);
  }

  static void add(ViewSink sink, FeatureRecord record) throws IOException {
    sink.add(record, AvroCodec.FEATURE.encode(record));
  }

  /** Its density was 1/10 in the 1790s and 1/2 in the 1800s. */
  static FeatureRecord labelled(int latent) {
    return Fixtures.twoAndFour(latent)
        .setLabels(
            List.of(
                new LabelCounts(
                    "year", 10.0, List.of("1790", "1800"), List.of(10L, 50L), List.of(100L, 100L)),
                new LabelCounts("party", null, List.of("Whig"), List.of(2L), List.of(5L))))
        .build();
  }
}
