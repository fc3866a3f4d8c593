// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.verify;

import static io.saeflow.sinks.verify.UnsoundFileException.require;

import io.saeflow.schemas.feature.RunManifest;
import io.saeflow.schemas.feature.SaeManifest;
import io.saeflow.schemas.hook.HookPoint;
import io.saeflow.schemas.stream.FeatureRange;
import io.saeflow.schemas.tensorfile.FileDigest;
import io.saeflow.sinks.delphi.LatentCache;
import io.saeflow.sinks.manifest.Checksums;
import io.saeflow.sinks.manifest.ManifestFile;
import io.saeflow.sinks.neuronrecord.NeuronRecordSink;
import io.saeflow.sinks.saeviewer.AtomSink;
import io.saeflow.sinks.view.ViewFiles;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Checks the folder of a finished run: the manifest, every file's checksum, the files' structure,
 * and whether what different files say of one feature agrees.
 *
 * <p>Checksums tell damage. What was written wrong, or changed together with its checksum, the
 * other checks may tell; nothing here tells a folder that was made up consistently.
 */
public final class RunVerification {
  private static final List<String> SINKS =
      List.of("sae-viewer", "neuron-records", "delphi", "view");
  private static final int MOST_MANIFEST_BYTES = 16 << 20;
  private static final int MOST_JSON_BYTES = 64 << 20;

  /** A digest, two spaces and a path as long as they get. */
  private static final int MOST_LINE = 4096;

  private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");
  private static final String JSON = ".json";

  private final RunFiles files;
  private final RunManifest manifest;
  private final Findings findings;
  private final FeatureRules rules;

  /** By folder: which names may be in it. */
  private final Map<String, Predicate<String>> known = new HashMap<>();

  private RunVerification(RunFiles files, RunManifest manifest, Findings findings) {
    this.files = files;
    this.manifest = manifest;
    this.findings = findings;
    this.rules = new FeatureRules(manifest);
  }

  /**
   * Checks the run in {@code out}.
   *
   * @throws NoSuchFileException if there is no manifest, so no finished run
   * @throws IOException if something cannot be read that is there
   */
  public static Report verify(Path out) throws IOException {
    if (!Files.isDirectory(out)) {
      throw new NoSuchFileException(out.toString(), null, "no folder (expected: a run's output)");
    }
    RunFiles files = new RunFiles(out);
    if (!files.exists(ManifestFile.NAME)) {
      throw new NoSuchFileException(
          out.resolve(ManifestFile.NAME).toString(),
          null,
          "no such file (expected: the manifest of a finished run, which is written last)");
    }
    Findings findings = new Findings();
    findings.countFile();
    try {
      ManifestReader read =
          ManifestReader.read(files.bytes(ManifestFile.NAME, MOST_MANIFEST_BYTES));
      new RunVerification(files, read.manifest(), findings).verify(read.files());
    } catch (UnsoundFileException e) {
      findings.add(ManifestFile.NAME, e.getMessage());
    }
    return findings.report();
  }

  static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("SHA-256 is in every Java platform", e);
    }
  }

  private void verify(List<ListedFiles> listed) throws IOException, UnsoundFileException {
    for (ListedFiles each : listed) {
      require(
          SINKS.contains(each.sink()) && sae(each.sae()) != null,
          "files of sink '%s', SAE '%s' (expected: a sink of %s, an SAE of the run)",
          each.sink(),
          each.sae(),
          SINKS);
    }
    for (SaeManifest sae : manifest.getSaes()) {
      FeatureFacts facts = new FeatureFacts(sae.getLatents(), manifest.getTotals().getTokens());
      for (String sink : SINKS) {
        List<ListedFiles> of =
            listed.stream()
                .filter(each -> each.sink().equals(sink) && each.sae().equals(sae.getId()))
                .toList();
        boolean written = listed.stream().anyMatch(each -> each.sink().equals(sink));
        require(
            of.size() == (written ? 1 : 0),
            "files of sink '%s', SAE '%s': %d entries (expected: one for each SAE, or none)",
            sink,
            sae.getId(),
            of.size());
        if (written) {
          facts.readingFrom(sink);
          verify(of.get(0), sae, facts);
        }
      }
    }
    if (listed.stream().anyMatch(each -> each.sink().equals("view"))) {
      verifySharedView();
    }
    findOthers();
  }

  private @Nullable SaeManifest sae(String id) {
    return manifest.getSaes().stream()
        .filter(sae -> sae.getId().equals(id))
        .findFirst()
        .orElse(null);
  }

  private void verify(ListedFiles listed, SaeManifest sae, FeatureFacts facts)
      throws IOException, UnsoundFileException {
    int layer = HookPoint.parse(sae.getHook()).layer();
    requireListed(listed, sae);
    switch (listed.sink()) {
      case "sae-viewer" -> verifyFeatures(listed, new AtomCheck(rules), facts);
      case "neuron-records" -> verifyFeatures(listed, new NeuronRecordCheck(rules, layer), facts);
      case "delphi" -> verifyShards(listed, sae, facts);
      default -> verifyView(listed.folder(), sae, facts);
    }
  }

  private void verifyFeatures(ListedFiles listed, FeatureFileCheck check, FeatureFacts facts)
      throws IOException {
    verifyEach(
        listed,
        name -> latent(name, facts.latents()) >= 0,
        (name, sha256) -> {
          byte[] bytes = files.bytes(listed.folder() + "/" + name, MOST_JSON_BYTES);
          requireDigest(HexFormat.of().formatHex(sha256().digest(bytes)), sha256);
          check.check(latent(name, facts.latents()), JsonFields.parse(bytes), facts);
        });
  }

  private void verifyShards(ListedFiles listed, SaeManifest sae, FeatureFacts facts)
      throws IOException {
    ShardCheck check = new ShardCheck(manifest, sae);
    verifyEach(
        listed,
        name -> name.equals(ShardCheck.CONFIG) || check.range(name) != null,
        (name, sha256) -> {
          Path file = files.file(listed.folder() + "/" + name);
          requireDigest(FileDigest.sha256(file), sha256);
          FeatureRange range = check.range(name);
          if (range == null) {
            check.checkConfig(files.bytes(listed.folder() + "/" + name, MOST_JSON_BYTES));
          } else {
            check.checkShard(file, range, facts);
          }
        });
  }

  private void verifyView(String log, SaeManifest sae, FeatureFacts facts) throws IOException {
    long tokens = manifest.getTotals().getTokens();
    verifyOne(
        log,
        () -> new RecordLogCheck(rules, tokens, sae.getStatistics(), facts).check(files.file(log)));
    known.merge("view", name -> log.equals("view/" + name), Predicate::or);
  }

  /** The viewer's files that are not about one autoencoder. */
  private void verifySharedView() throws IOException {
    for (String json : List.of(ViewFiles.RUN, ViewFiles.VOCABULARY)) {
      verifyOne(json, () -> JsonFields.parse(files.bytes(json, MOST_JSON_BYTES)));
      known.merge("view", name -> json.equals("view/" + name), Predicate::or);
    }
    known.merge("view", name -> ViewFiles.PROGRESS.equals("view/" + name), Predicate::or);
  }

  /** That the manifest's list says what the run must have written. */
  private void requireListed(ListedFiles listed, SaeManifest sae) throws UnsoundFileException {
    String folder;
    try {
      folder =
          switch (listed.sink()) {
            case "sae-viewer" -> AtomSink.folder(manifest.getSubject(), sae.getSaePath());
            case "neuron-records" ->
                NeuronRecordSink.folder(sae.getId(), HookPoint.parse(sae.getHook()));
            case "delphi" -> LatentCache.folder(manifest, sae);
            default -> ViewFiles.records(sae.getId());
          };
    } catch (IllegalArgumentException e) {
      throw new UnsoundFileException(String.valueOf(e.getMessage()));
    }
    int count =
        switch (listed.sink()) {
          case "sae-viewer", "neuron-records" -> sae.getLatents();
          case "delphi" -> sae.getFeatureRanges() + 1;
          default -> 1;
        };
    require(
        listed.folder().equals(folder) && listed.files() == count,
        "%d files of sink '%s' in %s (expected: %d in %s)",
        listed.files(),
        listed.sink(),
        listed.folder(),
        count,
        folder);
    boolean reproducible = !listed.sink().equals("view");
    String checksums = Checksums.file(listed.sink(), listed.sae());
    require(
        reproducible
            ? checksums.equals(listed.checksums())
                && listed.sha256() != null
                && SHA256.matcher(listed.sha256()).matches()
            : listed.checksums() == null && listed.sha256() == null,
        "checksums of sink '%s': %s with SHA-256 %s (expected: %s)",
        listed.sink(),
        listed.checksums(),
        listed.sha256(),
        reproducible ? checksums + " with 64 hexadecimal digits" : "none");
  }

  private interface EachFile {
    void verify(String name, String sha256) throws IOException, UnsoundFileException;
  }

  private interface OneFile {
    void verify() throws IOException, UnsoundFileException;
  }

  private void verifyOne(String file, OneFile check) throws IOException {
    findings.countFile();
    try {
      check.verify();
    } catch (UnsoundFileException e) {
      findings.add(file, e.getMessage());
    }
  }

  /**
   * Verifies each file that has a line among the checksums.
   *
   * @param names which may have one; as many as the manifest says
   */
  private void verifyEach(ListedFiles listed, Predicate<String> names, EachFile check)
      throws IOException {
    known.put(listed.folder(), names);
    String list = Checksums.file(listed.sink(), listed.sae());
    known.merge(
        list.substring(0, list.lastIndexOf('/')),
        list.substring(list.lastIndexOf('/') + 1)::equals,
        Predicate::or);
    verifyOne(
        list,
        () -> {
          Path path = files.file(list);
          requireDigest(FileDigest.sha256(path), listed.sha256());
          files.folder(listed.folder());
          try (BufferedReader lines = Files.newBufferedReader(path, StandardCharsets.UTF_8)) {
            verifyLines(listed, names, lines, check);
          } catch (CharacterCodingException e) {
            throw new UnsoundFileException("bytes that are no text (expected: UTF-8)");
          }
        });
  }

  private void verifyLines(
      ListedFiles listed, Predicate<String> names, BufferedReader lines, EachFile check)
      throws IOException, UnsoundFileException {
    String prefix = listed.folder() + "/";
    int nameAt = 64 + Checksums.SEPARATOR.length();
    String before = "";
    long count = 0;
    for (String line = readLine(lines); line != null; line = readLine(lines)) {
      require(
          line.startsWith(Checksums.SEPARATOR + prefix, 64)
              && SHA256.matcher(line.substring(0, 64)).matches(),
          "'%s' (expected: a SHA-256, two spaces, a path in %s)",
          line,
          listed.folder());
      String name = line.substring(nameAt + prefix.length());
      require(
          names.test(name) && name.compareTo(before) > 0,
          "'%s' after '%s' (expected: the names of the files, ascending)",
          name,
          before);
      before = name;
      count++;
      String sha256 = line.substring(0, 64);
      verifyOne(prefix + name, () -> check.verify(name, sha256));
    }
    require(count == listed.files(), "%d lines (expected: %d)", count, listed.files());
  }

  /** A line, at most as long as one may be. */
  private static @Nullable String readLine(BufferedReader lines) throws IOException {
    StringBuilder line = new StringBuilder();
    for (int c = lines.read(); c >= 0; c = lines.read()) {
      if (c == '\n' || line.length() == MOST_LINE) {
        return line.toString();
      }
      line.append((char) c);
    }
    return line.isEmpty() ? null : line.toString();
  }

  private static void requireDigest(String found, @Nullable String expected)
      throws UnsoundFileException {
    require(found.equals(expected), "SHA-256 %s (expected: %s, as listed)", found, expected);
  }

  /** The latent whose file is called so; -1 if there is none. */
  private static int latent(String name, int latents) {
    if (!name.endsWith(JSON)) {
      return -1;
    }
    int latent = Names.canonicalInt(name.substring(0, name.length() - JSON.length()));
    return latent < latents ? latent : -1;
  }

  /** Finds what lies in the sinks' folders and is not listed. */
  private void findOthers() throws IOException {
    for (String top : List.of("sae-viewer", "neuron-records", "delphi", "view", Checksums.FOLDER)) {
      if (files.exists(top)) {
        Files.walkFileTree(files.root().resolve(top), new Others());
      }
    }
  }

  private final class Others extends SimpleFileVisitor<Path> {
    @Override
    public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
      Path relative = files.root().relativize(file);
      Path folder = relative.getParent();
      Predicate<String> names = folder == null ? null : known.get(folder.toString());
      if (names == null || !names.test(file.getFileName().toString())) {
        findings.add(
            relative.toString(),
            "%s (expected: only what %s lists)"
                .formatted(
                    attributes.isSymbolicLink() ? "a symbolic link" : "another file",
                    ManifestFile.NAME));
      }
      return FileVisitResult.CONTINUE;
    }
  }
}
