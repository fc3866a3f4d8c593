// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.saeflow.compose.Pipeline;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What the real pipeline says to input that it cannot use: one line, exit code 2, and nothing made.
 * Every case starts from a run that works and breaks one thing.
 */
@Timeout(30)
class BadInputTest {
  private static final Path ORACLE = Path.of("src/test/resources/oracle");
  private static final String HOOK = "blocks.1.hook_resid_post";
  private static final int VOCABULARY = 97;
  private static final int POSITIONS = 24;
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private Path folder;
  private final StringWriter stdout = new StringWriter();
  private final StringWriter stderr = new StringWriter();
  private Path out;
  private Path model;
  private List<String> sae;
  private List<String> corpus;

  @BeforeEach
  void startFromARunThatWorks() {
    out = folder.resolve("out");
    model = ORACLE.resolve("model");
    sae = List.of("--sae", saePath("openai-topk") + "/sae.pt", "--hook", HOOK);
    corpus = List.of("--tokens", ORACLE.resolve("tokens.npy").toString());
  }

  // The model

  @Test
  void theModelIsNotThere() {
    model = folder.resolve("absent");
    assertRefused("model: ", "absent", "expected: a folder");
  }

  @Test
  void theModelHasNoWeights() throws IOException {
    copyModel();
    Files.delete(model.resolve("model.safetensors"));
    assertRefused(model + ": no weights", "expected: model.safetensors");
  }

  @Test
  void theWeightsAreTruncated() throws IOException {
    copyModel();
    Path weights = model.resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(weights);
    Files.write(weights, Arrays.copyOf(bytes, bytes.length - 100));
    assertRefused("model.safetensors: 177340 bytes of tensors", "expected: 177440");
  }

  @Test
  void theHeaderIsLongerThanTheFile() throws IOException {
    copyModel();
    Path weights = model.resolve("model.safetensors");
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(weights)).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putLong(0, Long.MAX_VALUE);
    Files.write(weights, bytes.array());
    assertRefused(
        "model.safetensors: header length 9223372036854775807",
        "expected: at most %d".formatted(bytes.capacity() - 8));
  }

  @Test
  void offsetsOverlap() throws IOException {
    copyModel();
    editHeader(
        header -> {
          ObjectNode tensor = (ObjectNode) header.get("h.0.ln_1.weight");
          tensor.putArray("data_offsets").add(26_396).add(26_556);
        });
    assertRefused(
        "model.safetensors: tensor 'h.0.ln_1.weight': begins at 26396", "expected: 26400");
  }

  @Test
  void aTensorHasAnotherShape() throws IOException {
    copyModel();
    editHeader(
        header ->
            ((ObjectNode) header.get("h.0.attn.c_attn.weight")).putArray("shape").add(120).add(40));
    assertRefused("model.safetensors: h.0.attn.c_attn.weight: [120, 40]", "expected: [40, 120]");
  }

  @Test
  void aTensorIsMissing() throws IOException {
    copyModel();
    editHeader(header -> header.set("renamed", header.remove("h.1.ln_2.bias")));
    assertRefused("model.safetensors: no tensor h.1.ln_2.bias");
  }

  @ParameterizedTest
  @CsvSource({
    "activation_function, \"relu\", gelu_new",
    "scale_attn_by_inverse_layer_idx, true, false",
    "n_head, 3, 'n_embd: 40 (expected: a multiple of n_head, 3)'",
    "model_type, \"llama\", gpt2"
  })
  void theConfigurationAsksForAnotherModel(String field, String value, String expected)
      throws IOException {
    copyModel();
    Path config = model.resolve("config.json");
    ObjectNode json = (ObjectNode) JSON.readTree(config.toFile());
    json.set(field, JSON.readTree(value));
    JSON.writeValue(config.toFile(), json);
    assertRefused("config.json: ", field, value, expected);
  }

  // The autoencoder

  @Test
  void aPickleCallsForMoreThanTensors() throws IOException {
    Path canary = folder.resolve("canary");
    byte[] pickle =
        concat(
            new byte[] {(byte) 0x80, 2}, // protocol 2
            "cposix\nsystem\n".getBytes(StandardCharsets.UTF_8),
            binUnicode("touch " + canary),
            new byte[] {(byte) 0x85, 'R', '.'}); // a tuple of one, call, stop
    Path checkpoint = folder.resolve("evil.pt");
    zip(checkpoint, "archive/data.pkl", pickle);
    sae = List.of("--sae", checkpoint.toString(), "--hook", HOOK);
    assertRefused("evil.pt: ", "posix.system", "expected");
    assertThat(canary).doesNotExist();
  }

  @Test
  void aFolderOfAnUnknownFamily() throws IOException {
    Path unknown = Files.createDirectories(folder.resolve("unknown"));
    Files.writeString(unknown.resolve("weights.bin"), "0123");
    sae = List.of("--sae", unknown.toString(), "--hook", HOOK);
    assertRefused(unknown.toString(), "sae_weights.safetensors", "sae.safetensors", ".pt");
  }

  @Test
  void aFileOfAnUnknownFamily() throws IOException {
    Path unknown = Files.writeString(folder.resolve("weights.pt"), "neither a zip nor a pickle");
    sae = List.of("--sae", unknown.toString(), "--hook", HOOK);
    assertRefused("weights.pt: not a zip archive", "expected: torch.save's format");
  }

  @Test
  void anArchitectureThatIsNotSupported() throws IOException {
    editSae("saelens-standard", config -> config.put("architecture", "gated"));
    assertRefused("cfg.json: architecture 'gated'", "expected: standard, topk or jumprelu");
  }

  @ParameterizedTest
  @ValueSource(strings = {"sparsify", "saelens-topk"})
  void moreLatentsActiveThanThereAre(String family) throws IOException {
    editSae(family, config -> config.put("k", 97));
    assertRefused("cfg.json: k 97", "expected: 1 to 96");
  }

  @Test
  void theMessageSaysWhichOfSeveralAutoencodersItIs() throws IOException {
    editSae("sparsify", config -> config.put("k", 97));
    Path yaml = folder.resolve("pipeline.yaml");
    Files.writeString(
        yaml,
        """
        saes:
          - {path: %s, hook: %s, id: good}
          - {path: %s, hook: %s, id: bad}
        """
            .formatted(saePath("sparsify").toAbsolutePath(), HOOK, sae.get(1), HOOK));
    sae = List.of("--config", yaml.toString());
    assertRefused("bad", "cfg.json: k 97");
  }

  @Test
  void anAutoencoderOfAnotherWidth() {
    sae = List.of("--sae", sae.get(1), "--hook", "blocks.0.mlp.hook_post");
    assertRefused(
        "sae.pt: an SAE of width 40", "expected: 160, the width of blocks.0.mlp.hook_post");
  }

  @Test
  void aHookThatIsNotKnown() {
    sae = List.of("--sae", sae.get(1), "--hook", "blocks.1.hook_resid_poste");
    assertRefused("hook point: 'blocks.1.hook_resid_poste'", "blocks.L.hook_resid_post");
  }

  @Test
  void aLayerThatTheModelDoesNotHave() {
    sae = List.of("--sae", sae.get(1), "--hook", "blocks.2.hook_resid_post");
    assertRefused("hook blocks.2.hook_resid_post: layer 2", "expected: below the model's 2");
  }

  @Test
  void anAutoencoderThatNamesNoHook() {
    sae = List.of("--sae", sae.get(1));
    assertRefused("hook of SAE sae: missing", "expected: --hook NAME", "sae.pt");
  }

  // Ready tokens

  @Test
  void aTokenBeyondTheVocabularyInTheLastRow() throws IOException {
    int[] ids = new int[26 * POSITIONS];
    ids[25 * POSITIONS + 5] = VOCABULARY;
    tokens("<i4", "(26, 24)", ids);
    assertRefused(
        "token id 97 at row 25, position 5 of tokens.npy",
        "expected: below the vocabulary size 97");
  }

  @Test
  void tokensThatAreNotIntegers() throws IOException {
    tokens("<f4", "(1, 24)", new int[POSITIONS]);
    assertRefused("tokens.npy: F32 [1, 24]", "expected: a matrix of integers");
  }

  @Test
  void tokensInOneDimension() throws IOException {
    tokens("<i4", "(24,)", new int[POSITIONS]);
    assertRefused("tokens.npy: I32 [24]", "expected: a matrix of integers, rows by columns");
  }

  @Test
  void noTokens() throws IOException {
    tokens("<i4", "(0, 24)", new int[0]);
    assertRefused("tokens.npy: less than one sequence of 24 tokens", "expected: at least one");
  }

  @Test
  void rowsLongerThanTheModelsContext() throws IOException {
    tokens("<i4", "(1, 25)", new int[25]);
    assertRefused("tokens.npy: sequences of 25 tokens", "expected: at most the model's 24");
  }

  @Test
  void aContextLengthForReadyTokens() {
    assertRefused(List.of("--context-length", "12"), "context-length: 12", "none with tokens");
  }

  // Text

  @Test
  void aContextLongerThanTheModels() throws IOException {
    text("a.txt", "hello ".repeat(100));
    assertRefused(
        List.of("--context-length", "25"), "context-length: 25", "expected: <= 24", "n_positions");
  }

  @ParameterizedTest
  @ValueSource(strings = {"empty.txt", "empty.jsonl"})
  void anEmptyCorpus(String file) throws IOException {
    text(file, "");
    assertRefused("less than one sequence of 24 tokens", "expected: at least one");
  }

  @Test
  void aLineLateInTheFileIsBroken() throws IOException {
    text("late.jsonl", "{\"text\": \"hello world\"}\n".repeat(5_000) + "{\"text\": \"hell\n");
    assertRefused("late.jsonl, line 5001, column ", "not valid JSON");
  }

  @Test
  void aLineHasNoText() throws IOException {
    text("other.jsonl", "{\"text\": \"hello\"}\n{\"body\": \"hello\"}\n");
    assertRefused("other.jsonl, line 2: no field 'text'");
  }

  @Test
  void textOfAnUnknownKind() throws IOException {
    text("a.pdf", "hello");
    assertRefused("a.pdf: unknown kind of text file", "expected: .txt, .jsonl or .jsonl.gz");
  }

  @Test
  void textIsNotThere() {
    corpus = List.of("--text", folder.resolve("absent.txt").toString());
    assertRefused("text: ", "absent.txt", "expected: a file that can be read");
  }

  @Test
  void thereIsNoTokenizerForText() throws IOException {
    Path file = Files.writeString(folder.resolve("a.txt"), "hello");
    corpus = List.of("--text", file.toString());
    assertRefused("model: no tokenizer", "expected: tokenizer.json, or vocab.json and merges.txt");
  }

  @Test
  void theTokenizerKnowsMoreTokensThanTheModel() throws IOException {
    text("a.txt", "hello ".repeat(100));
    ObjectNode vocabulary = vocabulary();
    vocabulary.put("h", VOCABULARY);
    JSON.writeValue(folder.resolve("tokenizer/vocab.json").toFile(), vocabulary);
    assertRefused("token id 97 at row 0", "expected: below the vocabulary size 97");
  }

  // The output folder

  @Test
  void theOutputFolderIsNotEmpty() throws IOException {
    Files.writeString(Files.createDirectory(out).resolve("notes.txt"), "mine");
    assertRefusedAndOutKept(List.of(), "out: ", "is not empty", "--resume", "--overwrite");
  }

  @Test
  void thereIsNothingToResume() throws IOException {
    Files.writeString(Files.createDirectory(out).resolve("notes.txt"), "mine");
    assertRefusedAndOutKept(List.of("--resume"), "holds no run to resume", "expected: a folder");
  }

  @Test
  void overwritingWouldDeleteWhatIsNotOurs() throws IOException {
    Files.writeString(Files.createDirectory(out).resolve("notes.txt"), "mine");
    Files.writeString(out.resolve("manifest.json"), "{}");
    assertRefusedAndOutKept(
        List.of("--overwrite"), "holds notes.txt", "expected: only what saeflow wrote");
    assertThat(out.resolve("manifest.json")).hasContent("{}");
  }

  @Test
  void badInputDoesNotCostAnEarlierRunsOutput() throws IOException {
    Files.writeString(Files.createDirectory(out).resolve("manifest.json"), "{}");
    sae = List.of("--sae", sae.get(1), "--hook", "blocks.2.hook_resid_post");
    assertThat(execute(List.of("--overwrite"))).isEqualTo(2);
    assertThat(out.resolve("manifest.json")).hasContent("{}");
    assertThat(out).isDirectoryNotContaining(path -> !path.endsWith("manifest.json"));
  }

  @Test
  void theOutputFolderIsAFile() throws IOException {
    Files.writeString(out, "mine");
    assertThat(execute(List.of())).isEqualTo(2);
    assertOneLine("out: ", "expected: a folder, or nothing");
    assertThat(out).hasContent("mine");
  }

  // The line and the file

  @Test
  void optionsThatDoNotGoTogether() throws IOException {
    assertRefused(List.of("--resume", "--overwrite"), "--resume", "--overwrite", "exclusive");
    corpus = Stream.concat(corpus.stream(), Stream.of("--text", "a.txt")).toList();
    assertRefused("text and tokens: both", "expected: exactly one of them");
    corpus = List.of();
    assertRefused("text and tokens: none", "expected: exactly one of them");
  }

  @Test
  void anOptionThatIsNotKnown() {
    assertRefused(List.of("--modle", "x"), "Unknown option", "--modle", "saeflow run --help");
  }

  @Test
  void aKeyThatIsNotKnown() throws IOException {
    Path yaml = Files.writeString(folder.resolve("pipeline.yaml"), "batchsize: 3\n");
    assertRefused(
        List.of("--config", yaml.toString()), yaml + ": unknown key 'batchsize'", "batch-size");
  }

  @Test
  void aFileThatIsNotYaml() throws IOException {
    Path yaml = Files.writeString(folder.resolve("pipeline.yaml"), "top: [3\nseed: 1\n");
    assertRefused(List.of("--config", yaml.toString()), yaml + ": not YAML", "line 2");
  }

  @Test
  void aBatchThatFitsNoMessage() {
    assertRefused(
        List.of("--batch-size", "10000000"),
        "batch-size: 10000000 sequences of 24 tokens",
        "expected: at most",
        "fewer sequences");
  }

  @Test
  void aLimitBelowOneSequence() {
    assertRefused(List.of("--max-tokens", "23"), "max tokens: 23", "one sequence, 24");
  }

  @Test
  void moreFeatureRangesThanLatents() {
    assertRefused(
        List.of("--feature-ranges", "97"), "feature-ranges: 97", "expected: <= 96", "latents");
  }

  @Test
  void anOutputThatIsNotKnown() {
    assertRefused(List.of("--sinks", "nonsense"), "sink: 'nonsense'", "sae-viewer", "delphi");
  }

  @ParameterizedTest
  @CsvSource({
    "--top, -1",
    "--random, -1",
    "--window, 0",
    "--batch-size, 0",
    "--partitions, 0",
    "--threads, 0",
    "--stream-threads, 0",
    "--feature-ranges, 0",
    "--max-tokens, 0"
  })
  void numbersThatAreTooSmall(String option, String value) {
    assertRefused(List.of(option, value), option.substring(2) + ": " + value, "expected: >= ");
  }

  @Test
  void idsThatCannotNameTopicsOrFolders() {
    assertRefused(List.of("--run-id", "a/b"), "a/b", "expected");
    assertRefused(List.of("--subject", ".."), "subject: '..'", "expected");
    assertRefused(List.of("--sae-id", "a b"), "SAE id: 'a b'", "expected");
    assertRefused(List.of("--sae-path", "../../x"), "sae-path: '../../x'", "expected");
  }

  // A cluster

  @Test
  void aClusterWhoseAddressIsNone() {
    assertRefused(List.of("--bootstrap-servers", "nonsense"), "nonsense", "bootstrap");
  }

  @Test
  void aClusterThatDoesNotAnswer() {
    assertRefused(
        List.of("--bootstrap-servers", "127.0.0.1:1"),
        "bootstrap-servers: 127.0.0.1:1",
        "expected");
  }

  // The device

  @Test
  void theGpuIsNotThere() {
    assertRefused(List.of("--device", "cuda:9999"), "device: cuda:9999: ");
  }

  /** Nor is there a libtorch that could use it. */
  @Test
  void theModelsGpuIsNotThere() {
    assertRefused(
        List.of("--model-device", "cuda:9999"),
        "model-device: cuda:9999: libtorch 2.",
        "no CUDA or no GPU");
  }

  private void assertRefused(String... parts) {
    assertRefused(List.of(), parts);
  }

  private void assertRefused(List<String> options, String... parts) {
    assertThat(execute(options)).as(stderr.toString()).isEqualTo(2);
    assertOneLine(parts);
    assertThat(out).doesNotExist();
  }

  private void assertRefusedAndOutKept(List<String> options, String... parts) throws IOException {
    assertThat(execute(options)).as(stderr.toString()).isEqualTo(2);
    assertOneLine(parts);
    assertThat(out.resolve("notes.txt")).hasContent("mine");
    assertThat(out.resolve(".saeflow")).doesNotExist();
  }

  private void assertOneLine(String... parts) {
    assertThat(stderr.toString().lines()).hasSize(1);
    assertThat(stderr.toString()).startsWith("saeflow: ").contains(parts);
    assertThat(stdout.toString()).isEmpty();
  }

  private int execute(List<String> options) {
    stdout.getBuffer().setLength(0);
    stderr.getBuffer().setLength(0);
    List<String> line = new ArrayList<>(List.of("run", "--model", model.toString()));
    line.addAll(sae);
    line.addAll(corpus);
    line.addAll(List.of("--out", out.toString()));
    line.addAll(options);
    return Saeflow.commandLine(
            new Pipeline(),
            (directory, tokens, target) -> {
              throw new AssertionError("a run needs no text of the model");
            },
            folder,
            folder.resolve("cache"))
        .setOut(new PrintWriter(stdout, true))
        .setErr(new PrintWriter(stderr, true))
        .execute(line.toArray(String[]::new));
  }

  private static Path saePath(String family) {
    return ORACLE.resolve("cases").resolve(family + "--" + HOOK).resolve("sae");
  }

  private void copyModel() throws IOException {
    Path copy = folder.resolve("model");
    copyFolder(model, copy);
    model = copy;
  }

  private void editSae(String family, Consumer<ObjectNode> edit) throws IOException {
    Path copy = folder.resolve(family);
    copyFolder(saePath(family), copy);
    Path config = copy.resolve("cfg.json");
    ObjectNode json = (ObjectNode) JSON.readTree(config.toFile());
    edit.accept(json);
    JSON.writeValue(config.toFile(), json);
    sae = List.of("--sae", copy.toString(), "--hook", HOOK);
  }

  private static void copyFolder(Path from, Path to) throws IOException {
    Files.createDirectory(to);
    try (Stream<Path> files = Files.list(from)) {
      for (Path file : files.toList()) {
        Files.copy(file, to.resolve(file.getFileName()));
      }
    }
  }

  /** Changes the header of the copied model's weights, and leaves their bytes alone. */
  private void editHeader(Consumer<ObjectNode> edit) throws IOException {
    Path weights = model.resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(weights);
    int end = 8 + (int) ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
    ObjectNode header = (ObjectNode) JSON.readTree(Arrays.copyOfRange(bytes, 8, end));
    edit.accept(header);
    byte[] edited = JSON.writeValueAsBytes(header);
    byte[] length =
        ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(edited.length).array();
    Files.write(weights, concat(length, edited, Arrays.copyOfRange(bytes, end, bytes.length)));
  }

  /** A NumPy file, written after the format's description; every number takes four bytes. */
  private void tokens(String descr, String shape, int... values) throws IOException {
    String header =
        "{'descr': '%s', 'fortran_order': False, 'shape': %s, }".formatted(descr, shape);
    header = header + " ".repeat(63 - (10 + header.length()) % 64) + "\n";
    ByteBuffer file =
        ByteBuffer.allocate(10 + header.length() + 4 * values.length)
            .order(ByteOrder.LITTLE_ENDIAN)
            .put(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0})
            .putShort((short) header.length())
            .put(header.getBytes(StandardCharsets.US_ASCII));
    for (int value : values) {
      file.putInt(value);
    }
    Path path = Files.write(folder.resolve("tokens.npy"), file.array());
    corpus = List.of("--tokens", path.toString());
  }

  /** A corpus of one file, and a tokenizer that knows lower-case letters, space and line feed. */
  private void text(String name, String content) throws IOException {
    Path tokenizer = Files.createDirectory(folder.resolve("tokenizer"));
    JSON.writeValue(tokenizer.resolve("vocab.json").toFile(), vocabulary());
    Files.writeString(tokenizer.resolve("merges.txt"), "#version: 0.2\n");
    Path file = Files.writeString(folder.resolve(name), content);
    corpus = List.of("--text", file.toString(), "--tokenizer", tokenizer.toString());
  }

  private static ObjectNode vocabulary() {
    ObjectNode vocabulary = JSON.createObjectNode();
    for (char letter = 'a'; letter <= 'z'; letter++) {
      vocabulary.put(String.valueOf(letter), letter - 'a');
    }
    return vocabulary.put("\u0120", 26).put("\u010a", 27);
  }

  private static byte[] binUnicode(String text) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    return concat(
        ByteBuffer.allocate(5)
            .order(ByteOrder.LITTLE_ENDIAN)
            .put((byte) 'X')
            .putInt(utf8.length)
            .array(),
        utf8);
  }

  /** An archive of one entry, stored as torch.save stores it. */
  private static void zip(Path file, String name, byte[] content) throws IOException {
    CRC32 crc = new CRC32();
    crc.update(content);
    ZipEntry entry = new ZipEntry(name);
    entry.setMethod(ZipEntry.STORED);
    entry.setSize(content.length);
    entry.setCrc(crc.getValue());
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file))) {
      zip.putNextEntry(entry);
      zip.write(content);
      zip.closeEntry();
    }
  }

  private static byte[] concat(byte[]... parts) {
    ByteBuffer all = ByteBuffer.allocate(Stream.of(parts).mapToInt(part -> part.length).sum());
    Stream.of(parts).forEach(all::put);
    return all.array();
  }
}
