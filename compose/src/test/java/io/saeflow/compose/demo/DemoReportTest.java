// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.saeflow.compose.config.ExistingOutput;
import io.saeflow.compose.config.OutputConfig;
import io.saeflow.compose.config.RunConfig;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DemoReportTest {
  private static final List<String> NATION = List.of(" the", " na", "tion", ",", " and");
  private static final List<String> WAR = List.of("\nof", " war", ".");

  @TempDir private Path atoms;

  @Test
  void itCountsFeaturesAndSaysTheirWords() throws IOException {
    atom(0, 0, Collections.emptyList());
    atom(1, 0.001, rows(6, 2, 4.0, NATION));
    atom(2, 0.5, rows(6, 1, 99.0, WAR));
    atom(3, 0.00001, rows(6, 1, 99.0, WAR));
    atom(4, 0.001, rows(4, 1, 99.0, WAR));
    atom(5, 0.001, rows(6, 1, 8.0, WAR));

    DemoReport report = DemoReport.read(atoms);

    assertThat(report)
        .isEqualTo(
            new DemoReport(
                6,
                5,
                List.of(
                    new DemoReport.Note(5, 0.001, 8.0, List.of("war"), "of «war»."),
                    new DemoReport.Note(1, 0.001, 4.0, List.of("nation"), "the «nation», and"))));
  }

  @Test
  void ofAFamilyOnlyTheStrongestIsShown() throws IOException {
    atom(0, 0.001, rows(6, 2, 4.0, NATION));
    atom(1, 0.001, rows(6, 1, 5.0, NATION));

    assertThat(DemoReport.read(atoms).notes())
        .extracting(DemoReport.Note::feature)
        .containsExactly(1);
  }

  @Test
  void theMostFrequentWordsComeFirst() throws IOException {
    List<Map<String, Object>> rows = new ArrayList<>(rows(2, 2, 9.0, NATION));
    rows.addAll(rows(3, 1, 2.0, WAR));
    atom(0, 0.002, rows);

    DemoReport.Note note = DemoReport.read(atoms).notes().get(0);

    assertThat(note.words()).containsExactly("war", "nation");
    assertThat(note.peak()).isEqualTo(9.0);
    assertThat(note.context()).isEqualTo("the «nation», and");
  }

  @Test
  void itPrints() {
    StringWriter out = new StringWriter();
    new DemoReport(
            4096,
            3922,
            List.of(new DemoReport.Note(12, 0.0012, 34.25, List.of("war", "wars"), "of «war».")))
        .print(new PrintWriter(out));

    assertThat(out.toString().lines())
        .containsExactly(
            "features alive: 3,922 of 4,096 (174 never fired on this text)",
            "some of them:",
            "  feature 12     fires on 0.12% of tokens, peak 34.3: war, wars",
            "    of «war».");
  }

  @Test
  void aContextIsCutBetweenWords() {
    List<String> tokens =
        List.of(
            "Mr. Speaker, ladies and gentlemen of the United",
            " States",
            " Congress, and my fellow Americans everywhere, good evening");

    assertThat(Words.context(tokens, 1))
        .isEqualTo("and gentlemen of the United «States» Congress, and my fellow");
    assertThat(Words.around(List.of("a", " \n"), 1)).isEmpty();
    assertThat(Words.around(List.of("it", "'s", " U", "S"), 3)).isEqualTo("us");
  }

  @Test
  void aFileThatIsNoRecordIsAnError() throws IOException {
    Files.writeString(atoms.resolve("0.json"), "[]");

    assertThatThrownBy(() -> DemoReport.read(atoms)).isInstanceOf(IOException.class);
  }

  @Test
  void theDemoRunsTheBundledModel() {
    RunConfig config =
        DemoRun.config(
            Path.of("").toAbsolutePath(), Path.of("sotu.jsonl"), OptionalLong.of(20_000));
    OutputConfig output =
        new OutputConfig(Path.of("out"), ExistingOutput.REFUSE, OutputConfig.DEFAULT_SINKS);

    assertThat(config.model().directory()).isDirectoryContaining("glob:**/model.safetensors");
    assertThat(config.saes().get(0).path()).isRegularFile();
    assertThat(config.corpus().maxTokens()).hasValue(20_000);
    assertThat(DemoRun.atoms(config, output))
        .isEqualTo(Path.of("out/sae-viewer/demo-gpt2/demo-4096/atoms"));
  }

  private static List<Map<String, Object>> rows(
      int count, int index, double act, List<String> tokens) {
    return Collections.nCopies(
        count, Map.of("idx", index, "act", act, "tokens", tokens, "doc_id", 3));
  }

  private void atom(int feature, double density, List<Map<String, Object>> top) throws IOException {
    new ObjectMapper()
        .writeValue(
            atoms.resolve(feature + ".json").toFile(),
            Map.of("density", density, "top", top, "random", List.of(), "hist", Map.of()));
  }
}
