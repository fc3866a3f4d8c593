// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.manifest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.saeflow.schemas.feature.EncodingStatistics;
import io.saeflow.schemas.feature.FeedPosition;
import io.saeflow.schemas.feature.RunManifest;
import io.saeflow.schemas.feature.RunTotals;
import io.saeflow.sinks.Fixtures;
import io.saeflow.sinks.files.OutputFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ManifestFileTest {
  @TempDir Path root;

  @Test
  void writesTheManifestInItsSchemasOrder() throws IOException {
    RunManifest manifest =
        Fixtures.manifest(
                Fixtures.sae("a", 16, 2)
                    .setStatistics(new EncodingStatistics(19, 1, 38, 0, 0).toManifest())
                    .build())
            .setTotals(new RunTotals(2L, 5L, 20L))
            .setFed(new FeedPosition(4L, 2L, 5L, 20L))
            .setEncodeAt("producer")
            .setKeep(List.of("latents"))
            .setLatentSinks(List.of("sink"))
            .build();
    Path folder = Files.createDirectories(root.resolve("sae-viewer/gpt2-small/family/a/atoms"));
    Files.writeString(folder.resolve("0.json"), "abc");
    Files.writeString(folder.resolve("1.json"), "");
    Files.writeString(folder.resolve(".2.json.part"), "not yet");
    ManifestFile.write(
        new OutputFolder(root),
        manifest,
        List.of(
            new SinkFiles("sae-viewer", "a", "sae-viewer/gpt2-small/family/a/atoms", 2, true),
            new SinkFiles("view", "a", "view/a.records", 1, false)));
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
                "modelDevice": "cpu",
                "activationDtype": "float32",
                "vocabularySize": 100,
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
                "nonFinite": "skip",
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
                        },
                        "statistics": {
                            "tokens": 19,
                            "nonFiniteTokens": 1,
                            "l0": 2.0,
                            "reconstructedTokens": 0,
                            "normalizedMse": null
                        }
                    }
                ],
                "totals": {
                    "documents": 2,
                    "sequences": 5,
                    "tokens": 20
                },
                "files": [
                    {
                        "sink": "sae-viewer",
                        "sae": "a",
                        "folder": "sae-viewer/gpt2-small/family/a/atoms",
                        "files": 2,
                        "checksums": "checksums/sae-viewer/a.sha256",
                        "sha256": "90edf9b6cf721882801b9edca1fdd3391a5097081083ce8f56f439cbd730c928"
                    },
                    {
                        "sink": "view",
                        "sae": "a",
                        "folder": "view/a.records",
                        "files": 1,
                        "checksums": null,
                        "sha256": null
                    }
                ]
            }
            """);
    // The digests are those that FIPS 180 lists for "abc" and nothing.
    assertThat(root.resolve("checksums/sae-viewer/a.sha256"))
        .content()
        .isEqualTo(
            """
            ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  sae-viewer/gpt2-small/family/a/atoms/0.json
            e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  sae-viewer/gpt2-small/family/a/atoms/1.json
            """);
  }

  @Test
  void refusesAnotherNumberOfFilesThanWereWritten() throws IOException {
    Path folder = Files.createDirectories(root.resolve("delphi/x"));
    Files.writeString(folder.resolve("config.json"), "{}");
    assertThatThrownBy(
            () ->
                ManifestFile.write(
                    new OutputFolder(root),
                    Fixtures.manifest(Fixtures.sae("a", 16, 2).build()).build(),
                    List.of(new SinkFiles("delphi", "a", "delphi/x", 3, true))))
        .isInstanceOf(IOException.class)
        .hasMessage(folder + ": 1 files (expected: 3)");
    assertThat(root.resolve("manifest.json")).doesNotExist();
  }
}
