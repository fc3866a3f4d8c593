// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.fuzz;

import io.saeflow.compose.config.BadInputException;
import io.saeflow.compose.config.Settings;
import io.saeflow.processors.weights.SaeFile;
import io.saeflow.processors.weights.SaeFileException;
import io.saeflow.producer.corpus.Corpus;
import io.saeflow.producer.corpus.CorpusException;
import io.saeflow.producer.corpus.DocumentSource;
import io.saeflow.producer.corpus.Tokenizer;
import io.saeflow.producer.gpt2.Gpt2Config;
import io.saeflow.producer.gpt2.ModelException;
import io.saeflow.schemas.arrow.ArrowMessages;
import io.saeflow.schemas.feature.AvroCodec;
import io.saeflow.schemas.stream.MalformedMessageException;
import io.saeflow.schemas.tensorfile.NumpyFile;
import io.saeflow.schemas.tensorfile.Safetensors;
import io.saeflow.schemas.tensorfile.ShardedSafetensors;
import io.saeflow.schemas.tensorfile.TensorFile;
import io.saeflow.schemas.tensorfile.TensorFileException;
import io.saeflow.schemas.tensorfile.TorchCheckpoint;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Every reader of untrusted bytes, with the multiple of its input that it may allocate:
 *
 * <ul>
 *   <li>tensors 8: the smallest value, a byte, becomes at most a long; what a header describes may
 *       take 40 times its text
 *   <li>trees of JSON and YAML 200: {@code {},} becomes an object with a hash table
 *   <li>pickles 200: an opcode of one byte likewise
 *   <li>messages 40: a row of one token becomes a list
 * </ul>
 */
final class Targets {
  private static final Path SCHEMAS = Path.of("../schemas/src/test/resources/tensorfile");
  private static final Path WEIGHTS = Path.of("../processors/src/test/resources/weights");
  private static final Path PRODUCER =
      Path.of("../producer/src/test/resources/io/saeflow/producer");
  private static final Path CORPUS = PRODUCER.resolve("corpus");

  private static final int TREE = 200;
  private static final int PICKLE = 200;
  private static final int TENSORS = 40;
  private static final int MESSAGE = 40;

  /** Gzip unfolds up to 1032 times, and text is held several times over. */
  private static final int GZIPPED = 16 * 1032;

  private static final int MOST_TENSORS = 64;

  private Targets() {}

  static Stream<Target> all() {
    return Stream.of(
        safetensors(),
        shardedSafetensors(),
        pickle(),
        checkpoint(),
        npy(),
        tokenizerJson(),
        vocabulary(),
        merges(),
        modelConfig(),
        saeLensConfig(),
        sparsifyConfig(),
        openAiSae(),
        jsonLines(),
        gzippedJsonLines(),
        tokens(),
        activations(),
        latents(),
        featureRecord(),
        runManifest(),
        pipelineYaml());
  }

  static Target named(String name) {
    return all().filter(target -> target.name().equals(name)).findAny().orElseThrow();
  }

  static Target safetensors() {
    return new Target(
        "safetensors",
        "a.safetensors",
        Map.of(),
        List.of(bytes(SCHEMAS, "tensors.safetensors"), bytes(WEIGHTS, "sparsify/sae.safetensors")),
        List.of(Attacks.headerOf("{\"a\":".repeat(100_000)), Attacks.headerOf("[".repeat(1 << 20))),
        Mutator.header(
            0,
            8,
            "\"dtype\"",
            "\"shape\"",
            "\"data_offsets\"",
            "\"__metadata__\"",
            "\"I8\"",
            "\"F64\"",
            "\"BF16\"",
            "\"F8_E4M3\""),
        TensorFileException.class,
        TENSORS,
        (bytes, file, step) -> {
          try (Safetensors tensors = Safetensors.open(file)) {
            step.run();
            readAll(tensors, step);
            for (String name : tensors.names()) {
              if (!List.of("F64", "F32", "F16", "BF16").contains(tensors.dtype(name).name())) {
                tensors.longs(name);
                step.run();
              }
            }
          }
        });
  }

  static Target shardedSafetensors() {
    return new Target(
        "sharded-safetensors",
        "model.safetensors.index.json",
        Map.of(
            "model-00001-of-00002.safetensors",
            SCHEMAS.resolve("sharded/model-00001-of-00002.safetensors"),
            "model-00002-of-00002.safetensors",
            SCHEMAS.resolve("sharded/model-00002-of-00002.safetensors")),
        Stream.concat(
                Stream.of(bytes(SCHEMAS, "sharded/model.safetensors.index.json")),
                Attacks.namesOfOtherFiles()
                    .map(name -> text("{\"weight_map\": {\"secret\": \"%s\"}}".formatted(name))))
            .toList(),
        List.of(text("[".repeat(1 << 20)), text("{\"weight_map\":".repeat(100_000))),
        Mutator.text("\"weight_map\"", "\"model-00001-of-00002.safetensors\"", "\"first\""),
        TensorFileException.class,
        TREE,
        (bytes, file, step) -> {
          try (ShardedSafetensors tensors = ShardedSafetensors.open(file)) {
            step.run();
            Secret.requireUnseen(tensors);
            readAll(tensors, step);
          }
        });
  }

  static Target pickle() {
    return new Target(
        "pickle",
        "a.pt",
        Map.of(),
        Stream.concat(
                Stream.of("state.pt", "state-protocol4.pt", "pytorch_model.bin", "module.pt")
                    .map(name -> Attacks.pickleOf(SCHEMAS.resolve(name))),
                Attacks.pickles())
            .toList(),
        Attacks.largePickles().toList(),
        Mutator.bytes(),
        TensorFileException.class,
        PICKLE,
        (bytes, file, step) -> {
          Files.write(file, Attacks.archive(bytes));
          readCheckpoint(file, step);
        });
  }

  static Target checkpoint() {
    return new Target(
        "torch-checkpoint",
        "a.pt",
        Map.of(),
        List.of(
            bytes(SCHEMAS, "state.pt"),
            bytes(SCHEMAS, "state-protocol4.pt"),
            bytes(WEIGHTS, "openai-topk.pt")),
        Attacks.zipBombs().toList(),
        Mutator.zip(Mutator.bytes()),
        TensorFileException.class,
        PICKLE,
        (bytes, file, step) -> readCheckpoint(file, step));
  }

  static Target npy() {
    return new Target(
        "npy",
        "a.npy",
        Map.of(),
        Stream.of(
                "tokens-i4.npy",
                "tokens-u2.npy",
                "tokens-i8.npy",
                "f8.npy",
                "no-rows.npy",
                "version2.npy",
                "structured.npy")
            .map(name -> bytes(SCHEMAS, name))
            .toList(),
        List.of(
            Attacks.npyOf(
                "{'descr': '<i4', 'fortran_order': False, 'shape': ("
                    + "9".repeat(60_000)
                    + ",), }"),
            Attacks.npyOf("{'descr':" + " ".repeat(65_000)),
            Attacks.npyOf("{" + "'a': (1,".repeat(8_000))),
        Mutator.either(
            Mutator.header(8, 2, "'|i1'", "'<f8'", "'<u8'", "'|O'", "True", "(", ")", ","),
            Mutator.header(8, 4, "'|i1'", "'<f8'", "'<u8'", "(", ")", ",")),
        TensorFileException.class,
        TREE,
        (bytes, file, step) -> {
          try (NumpyFile matrix = NumpyFile.open(file)) {
            step.run();
            readNpy(matrix, step);
          }
        });
  }

  static Target tokenizerJson() {
    return new Target(
        "tokenizer.json",
        "tokenizer.json",
        Map.of(),
        List.of(bytes(CORPUS, "tokenizer-json/tokenizer.json")),
        List.of(text("[".repeat(1 << 20)), text("{\"model\":".repeat(100_000))),
        Mutator.text(
            "\"BPE\"",
            "\"WordPiece\"",
            "\"Unigram\"",
            "\"WordLevel\"",
            "\"model\"",
            "\"vocab\"",
            "\"merges\"",
            "\"unk_token\"",
            "\"unk_id\"",
            "\"Sequence\"",
            "\"Replace\"",
            "\"pattern\"",
            "\"Regex\"",
            "\"(a+)+$\"",
            "\"Metaspace\""),
        CorpusException.class,
        TREE,
        Targets::readTokenizer);
  }

  static Target vocabulary() {
    return new Target(
        "vocab.json",
        "vocab.json",
        Map.of("merges.txt", CORPUS.resolve("tokenizer/merges.txt")),
        List.of(bytes(CORPUS, "tokenizer/vocab.json")),
        List.of(text("[".repeat(1 << 20))),
        Mutator.text("\"<|endoftext|>\"", "\"a\""),
        CorpusException.class,
        TREE,
        Targets::readTokenizer);
  }

  static Target merges() {
    return new Target(
        "merges.txt",
        "merges.txt",
        Map.of("vocab.json", CORPUS.resolve("tokenizer/vocab.json")),
        List.of(bytes(CORPUS, "tokenizer/merges.txt")),
        List.of(text("\n".repeat(1 << 20))),
        Mutator.text("#version: 0.2", "h e\n", "h  e", "\r"),
        CorpusException.class,
        TREE,
        Targets::readTokenizer);
  }

  static Target modelConfig() {
    return new Target(
        "config.json",
        "config.json",
        Map.of(),
        Stream.of("float32", "prefixed-bfloat16", "pytorch")
            .map(name -> bytes(PRODUCER, "gpt2/" + name + "/config.json"))
            .toList(),
        List.of(text("[".repeat(1 << 20)), text("{\"n_layer\":".repeat(100_000))),
        Mutator.text(
            "\"n_layer\"", "\"n_inner\"", "\"gelu_pytorch_tanh\"", "\"scale_attn_weights\""),
        ModelException.class,
        TREE,
        (bytes, file, step) -> Gpt2Config.read(file));
  }

  static Target saeLensConfig() {
    return new Target(
        "saelens-cfg.json",
        "cfg.json",
        Map.of("sae_weights.safetensors", WEIGHTS.resolve("saelens-topk/sae_weights.safetensors")),
        Stream.of("saelens-topk", "saelens-before-6", "saelens-jumprelu", "saelens-rescaled")
            .map(name -> bytes(WEIGHTS, name + "/cfg.json"))
            .toList(),
        List.of(text("[".repeat(1 << 20)), text(" ".repeat(1 << 21))),
        Mutator.text(
            "\"architecture\"",
            "\"topk\"",
            "\"jumprelu\"",
            "\"activation_fn_kwargs\"",
            "\"k\"",
            "\"hook_name\"",
            "\"normalize_activations\""),
        SaeFileException.class,
        TREE,
        (bytes, file, step) -> SaeFile.read(file.resolveSibling("")));
  }

  static Target sparsifyConfig() {
    return new Target(
        "sparsify-cfg.json",
        "cfg.json",
        Map.of("sae.safetensors", WEIGHTS.resolve("sparsify/sae.safetensors")),
        List.of(bytes(WEIGHTS, "sparsify/cfg.json")),
        List.of(text("[".repeat(1 << 20))),
        Mutator.text("\"num_latents\"", "\"expansion_factor\"", "\"d_in\"", "\"k\"", "\"signed\""),
        SaeFileException.class,
        TREE,
        (bytes, file, step) -> SaeFile.read(file.resolveSibling("")));
  }

  static Target openAiSae() {
    return new Target(
        "openai-sae",
        "sae.pt",
        Map.of(),
        Stream.of("openai-topk.pt", "openai-early.pt", "openai-relu.pt", "openai-identity.pt")
            .map(name -> bytes(WEIGHTS, name))
            .toList(),
        Attacks.zipBombs().toList(),
        Mutator.zip(Mutator.bytes()),
        SaeFileException.class,
        PICKLE,
        (bytes, file, step) -> SaeFile.read(file));
  }

  static Target jsonLines() {
    return new Target(
        "jsonl",
        "a.jsonl",
        Map.of(),
        documents(),
        List.of(
            text("[".repeat(1 << 20)),
            text("{\"a\":".repeat(100_000)),
            text("{\"text\":\"a\",\"b\":" + "[".repeat(1 << 20)),
            text("\n".repeat(1 << 22))),
        Mutator.text("\"text\":", "\"text\":\"a\"", "{\"text\":\"a\"}\n", "\"\\ud83d\""),
        CorpusException.class,
        TREE,
        Targets::readDocuments);
  }

  static Target gzippedJsonLines() {
    return new Target(
        "jsonl.gz",
        "a.jsonl.gz",
        Map.of(),
        documents(),
        List.of(
            Mutator.gzip(text("\n".repeat(1 << 24))),
            Mutator.gzip(text("{\"text\":\"" + "a".repeat(1 << 24) + "\"}"))),
        Mutator.gzip(Mutator.text("\"text\":", "\"text\":\"a\"", "{\"text\":\"a\"}\n")),
        CorpusException.class,
        GZIPPED,
        Targets::readDocuments);
  }

  static Target tokens() {
    return message("tokens", Samples.tokenMessages(), ArrowMessages::decodeTokens);
  }

  static Target activations() {
    return message("activations", Samples.activationMessages(), ArrowMessages::decodeActivations);
  }

  static Target latents() {
    return message("latents", Samples.latentMessages(), ArrowMessages::decodeLatents);
  }

  static Target featureRecord() {
    return new Target(
        "feature-record",
        "none",
        Map.of(),
        List.of(AvroCodec.FEATURE.encode(Samples.featureRecord())),
        List.of(),
        Mutator.varints(),
        MalformedMessageException.class,
        MESSAGE,
        (bytes, file, step) -> AvroCodec.FEATURE.decode(bytes));
  }

  static Target runManifest() {
    return new Target(
        "run-manifest",
        "none",
        Map.of(),
        List.of(AvroCodec.MANIFEST.encode(Samples.runManifest())),
        List.of(),
        Mutator.varints(),
        MalformedMessageException.class,
        TREE,
        (bytes, file, step) -> AvroCodec.MANIFEST.decode(bytes));
  }

  static Target pipelineYaml() {
    return new Target(
        "pipeline.yaml",
        "pipeline.yaml",
        Map.of(),
        List.of(text(Samples.PIPELINE), text("{\"model\": \"a\", \"saes\": [{\"path\": \"b\"}]}")),
        List.of(
            text("[".repeat(1 << 20)),
            text("a: &a [x,x]\n" + Attacks.laughs()),
            text("? ".repeat(10_000)),
            text("- ".repeat(10_000)),
            text("model: &a [*a]"),
            text("&a model: *a")),
        Mutator.text(
            "model: ",
            "saes: ",
            "kafka: ",
            "  - ",
            "max-tokens: ",
            "10m",
            "labels: ",
            "? ",
            "|\n",
            "%YAML 9.9\n---\n",
            "<<: ",
            "---\n",
            "...\n",
            "!!binary "),
        BadInputException.class,
        TREE,
        (bytes, file, step) -> Settings.ofYaml(file));
  }

  private interface Decoding {
    Object decode(byte[] bytes) throws Exception;
  }

  private static Target message(String name, List<byte[]> seeds, Decoding decoding) {
    return new Target(
        name,
        "none",
        Map.of(),
        seeds,
        List.of(),
        Mutator.bytes(),
        MalformedMessageException.class,
        MESSAGE,
        (bytes, file, step) -> decoding.decode(bytes));
  }

  private static void readCheckpoint(Path file, Runnable step) throws TensorFileException {
    try (TorchCheckpoint checkpoint = TorchCheckpoint.open(file)) {
      step.run();
      readAll(checkpoint, step);
      for (String name : checkpoint.names().stream().limit(MOST_TENSORS).toList()) {
        try {
          checkpoint.longs(name);
        } catch (TensorFileException e) {
          requireMessage(e);
        }
        step.run();
      }
      checkpoint.value("activation");
    }
  }

  /** Reads every tensor: a broken one must not keep the others from being read. */
  private static void readAll(TensorFile file, Runnable step) {
    for (String name : file.names().stream().limit(MOST_TENSORS).toList()) {
      try {
        file.shape(name);
        file.floats(name);
      } catch (TensorFileException e) {
        requireMessage(e);
      }
      step.run();
    }
  }

  private static void readNpy(NumpyFile matrix, Runnable step) throws TensorFileException {
    try {
      matrix.floats();
    } catch (TensorFileException e) {
      requireMessage(e);
      step.run();
      matrix.longs();
    }
    step.run();
    long rows = matrix.rows();
    for (long row = 0; row < Math.min(rows, MOST_TENSORS); row++) {
      matrix.row(row);
      step.run();
    }
  }

  private static void readTokenizer(byte[] bytes, Path file, Runnable step) throws CorpusException {
    try (Tokenizer tokenizer = Tokenizer.open(file.resolveSibling(""))) {
      step.run();
      int[] ids =
          tokenizer.encode("The state of the union, 1790 <|endoftext|> \n\u00e9\ud83d\ude42");
      step.run();
      for (int id : ids) {
        // The library skips ids that it has no token for; the model refuses them.
        if (id < tokenizer.vocabularySize()) {
          tokenizer.token(id);
        }
      }
      step.run();
    }
  }

  private static void readDocuments(byte[] bytes, Path file, Runnable step) throws CorpusException {
    try (DocumentSource documents = Corpus.open(List.of(file), "text").read()) {
      while (documents.next() != null) {
        step.run();
      }
    }
  }

  private static List<byte[]> documents() {
    return List.of(
        text(
            """
            {"text": "We the people", "year": 1787, "party": null, "tags": ["a", {"b": 1e3}]}

            {"year": 1.50, "text": "caf\\u00e9 \\ud83d\\ude42", "ok": true}
            """));
  }

  private static byte[] bytes(Path folder, String name) {
    try {
      return Files.readAllBytes(folder.resolve(name));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static byte[] text(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static void requireMessage(TensorFileException e) {
    if (String.valueOf(e.getMessage()).isBlank()) {
      throw new AssertionError("no message (expected: what is wrong, and where)", e);
    }
  }
}
