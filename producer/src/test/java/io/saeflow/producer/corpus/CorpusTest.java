// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.corpus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CorpusTest {
  @TempDir Path directory;

  @Test
  void numbersTheDocumentsOfSeveralFilesInOrder() throws Exception {
    Path text = write("a.txt", "one\ntwo\n");
    Path lines = write("b.jsonl", "{\"text\": \"three\"}\n\n{\"text\": \"\"}");
    Path compressed = directory.resolve("c.jsonl.gz");
    Files.write(compressed, gzip("{\"text\": \"five\"}\n"));
    assertThat(documents(text, lines, compressed))
        .containsExactly(
            new Document(0, "one\ntwo\n", "{}"),
            new Document(1, "three", "{}"),
            new Document(2, "", "{}"),
            new Document(3, "five", "{}"));
  }

  @Test
  void readsGzipFilesOfSeveralMembers() throws Exception {
    Path compressed = directory.resolve("c.jsonl.gz");
    try (OutputStream out = Files.newOutputStream(compressed)) {
      out.write(gzip("{\"text\": \"a\"}\n"));
      out.write(gzip("{\"text\": \"b\"}\n"));
    }
    assertThat(documents(compressed)).extracting(Document::text).containsExactly("a", "b");
  }

  @Test
  void keepsScalarFieldsAsLabelsInTheFilesOrder() throws Exception {
    Path lines =
        write(
            "a.jsonl",
            "{\"year\": 1790, \"body\": \"x\", \"z\": [1, {\"q\": 2}], \"party\": \"n\\\"é\","
                + " \"none\": null, \"score\": 1.50e2, \"ok\": true, \"o\": {\"text\": \"y\"}}");
    try (DocumentSource source = Corpus.open(List.of(lines), "body").read()) {
      assertThat(source.next())
          .isEqualTo(
              new Document(
                  0, "x", "{\"year\":1790,\"party\":\"n\\\"é\",\"score\":1.50e2,\"ok\":true}"));
      assertThat(source.next()).isNull();
      assertThat(source.next()).isNull();
    }
  }

  @Test
  void ignoresAByteOrderMark() throws Exception {
    Path text = write("a.txt", "\uFEFFone");
    Path lines = write("b.jsonl", "\uFEFF{\"text\": \"two\"}\r\n{\"text\": \"three\"}\r\n");
    assertThat(documents(text, lines))
        .extracting(Document::text)
        .containsExactly("one", "two", "three");
  }

  @Test
  void saysWhichLineIsNotADocument() throws Exception {
    String good = "{\"text\": \"x\"}\n";
    assertRefused(good + "\n{\"text\": oops}", "a.jsonl, line 3, column 10: not valid JSON: ");
    assertRefused(good + "[1]", "a.jsonl, line 2: START_ARRAY (expected: a JSON object)");
    assertRefused("{\"title\": \"x\"}", "a.jsonl, line 1: no field 'text'");
    assertRefused(
        "{\"text\": 5}", "a.jsonl, line 1: field 'text' is VALUE_NUMBER_INT (expected: a string)");
    assertRefused("{\"text\": \"x\"} {}", "a.jsonl, line 1: more after the JSON object");
    assertRefused("{\"text\": \"x\"", "a.jsonl, line 1, column 13: not valid JSON: ");
    assertRefused("{\"text\": \"x\", \"text\": \"y\"}", "not valid JSON: Duplicate field 'text'");
    assertRefused(
        "{\"text\": \"ab\\ud83d\"}",
        "a.jsonl, line 1: field 'text' has half a surrogate pair at character 2");
  }

  @Test
  void refusesTextThatIsNotUtf8() throws Exception {
    Path text = directory.resolve("a.txt");
    Files.write(text, new byte[] {'a', (byte) 0xe9, 'b'});
    assertThatThrownBy(() -> documents(text))
        .isInstanceOf(CorpusException.class)
        .hasMessage(text + ": not UTF-8 text");
    Path lines = directory.resolve("a.jsonl");
    Files.write(lines, "{\"text\": \"é\"}".getBytes(StandardCharsets.ISO_8859_1));
    assertThatThrownBy(() -> documents(lines))
        .isInstanceOf(CorpusException.class)
        .hasMessage(lines + ", line 1: not UTF-8 text");
  }

  @Test
  void refusesDamagedGzip() throws Exception {
    byte[] whole = gzip("{\"text\": \"some text that is long enough\"}\n");
    Path cut = directory.resolve("cut.jsonl.gz");
    Files.write(cut, Arrays.copyOf(whole, whole.length - 12));
    assertThatThrownBy(() -> documents(cut))
        .isInstanceOf(CorpusException.class)
        .hasMessageContaining("cut.jsonl.gz, line 1: damaged gzip data");
    Path other = write("other.jsonl.gz", "{\"text\": \"not compressed\"}\n");
    assertThatThrownBy(() -> documents(other))
        .isInstanceOf(CorpusException.class)
        .hasMessageContaining("other.jsonl.gz: damaged gzip data: Not in GZIP format");
  }

  @Test
  void refusesDocumentsBeyondTheLimit() throws Exception {
    Path lines = write("a.jsonl", "{\"text\": \"x\"}\n{\"text\": \"" + "x".repeat(90) + "\"}\n");
    try (DocumentSource source = new DocumentReader(List.of(lines), "text", 100)) {
      source.next();
      assertThatThrownBy(source::next)
          .isInstanceOf(CorpusException.class)
          .hasMessageContaining("a.jsonl, line 2: a document of more than 100 bytes");
    }
    Path text = write("a.txt", "x".repeat(101));
    try (DocumentSource source = new DocumentReader(List.of(text), "text", 100)) {
      assertThatThrownBy(source::next)
          .isInstanceOf(CorpusException.class)
          .hasMessageContaining("a.txt: a document of more than 100 bytes");
    }
    Path exact = write("b.txt", "x".repeat(100));
    try (DocumentSource source = new DocumentReader(List.of(exact), "text", 100)) {
      assertThat(source.next()).isNotNull();
    }
  }

  @Test
  void refusesFilesItCannotRead() throws Exception {
    Path csv = write("a.csv", "x");
    assertThatThrownBy(() -> documents(csv))
        .isInstanceOf(CorpusException.class)
        .hasMessage(csv + ": unknown kind of text file (expected: .txt, .jsonl or .jsonl.gz)");
    Path missing = directory.resolve("missing.txt");
    assertThatThrownBy(() -> documents(missing))
        .isInstanceOf(CorpusException.class)
        .hasMessage(missing + ": no such file");
    assertThatThrownBy(() -> documents(Files.createDirectory(directory.resolve("d.txt"))))
        .isInstanceOf(CorpusException.class)
        .hasMessageContaining("d.txt: not a regular file");
    assertThatThrownBy(() -> documents())
        .isInstanceOf(CorpusException.class)
        .hasMessageContaining("corpus: no files");
  }

  private void assertRefused(String content, String message) throws IOException {
    Path lines = write("a.jsonl", content);
    assertThatThrownBy(() -> documents(lines))
        .isInstanceOf(CorpusException.class)
        .hasMessageContaining(message);
  }

  private Path write(String name, String content) throws IOException {
    return Files.writeString(directory.resolve(name), content);
  }

  private static List<Document> documents(Path... files) throws CorpusException {
    List<Document> documents = new ArrayList<>();
    try (DocumentSource source = Corpus.open(List.of(files), "text").read()) {
      for (Document next = source.next(); next != null; next = source.next()) {
        documents.add(next);
      }
    }
    return documents;
  }

  private static byte[] gzip(String text) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (OutputStream out = new GZIPOutputStream(bytes)) {
      out.write(text.getBytes(StandardCharsets.UTF_8));
    }
    return bytes.toByteArray();
  }
}
