// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.manifest;

import static org.assertj.core.api.Assertions.assertThat;

import io.saeflow.schemas.feature.RunManifest;
import io.saeflow.schemas.feature.RunTotals;
import io.saeflow.sinks.Fixtures;
import io.saeflow.sinks.files.OutputFolder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ManifestFileTest {
  @TempDir Path root;

  @Test
  void writesTheManifestInItsSchemasOrder() throws IOException {
    RunManifest manifest =
        Fixtures.manifest(Fixtures.sae("a", 16, 2).build())
            .setTotals(new RunTotals(2L, 3L, 5L, 20L))
            .build();
    ManifestFile.write(
        new OutputFolder(root),
        manifest,
        List.of(
            new SinkFiles("sae-viewer", "a", "sae-viewer/gpt2-small/family/a/atoms", 16, true)));
    assertThat(root.resolve("manifest.json"))
        .content()
        .isEqualTo(
            """
            {
                "run": "run",
                "saeflowVersion": "0.1.0",
                "subject": "gpt2-small",
                "modelSha256": {
                    "a.json": "01",
                    "b.bin": "02"
                },
                "modelDtype": "float32",
                "centerWritingWeights": false,
                "dataset": [
                    "one.txt",
                    "two.txt"
                ],
                "datasetSha256": {},
                "textField": null,
                "tokenizerSha256": {},
                "contextLength": 4,
                "prependBos": true,
                "documentSeparator": null,
                "bosToken": 50256,
                "batchSize": 2,
                "maxTokens": null,
                "top": 20,
                "random": 20,
                "window": 64,
                "seed": 7,
                "labels": [],
                "saes": [
                    {
                        "id": "a",
                        "hook": "blocks.1.hook_resid_post",
                        "family": "openai",
                        "architecture": "topk",
                        "k": 2,
                        "normalization": "layer_norm",
                        "width": 8,
                        "latents": 16,
                        "featureRanges": 2,
                        "saePath": "family/a",
                        "sha256": {
                            "sae.pt": "00ff"
                        }
                    }
                ],
                "totals": {
                    "documents": 2,
                    "batches": 3,
                    "sequences": 5,
                    "tokens": 20
                },
                "files": [
                    {
                        "sink": "sae-viewer",
                        "sae": "a",
                        "folder": "sae-viewer/gpt2-small/family/a/atoms",
                        "files": 16
                    }
                ]
            }
            """);
    assertThat(root).isDirectoryNotContaining(path -> !path.endsWith("manifest.json"));
  }
}
