// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.gpt2;

import io.saeflow.kernels.engine.LibtorchEngine;
import io.saeflow.kernels.engine.Script;
import io.saeflow.kernels.engine.Tensor;
import io.saeflow.kernels.engine.TensorEngine;
import io.saeflow.schemas.hook.HookLocation;
import io.saeflow.schemas.hook.HookPoint;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A GPT-2 in the tensor engine. Safe for use by several threads. */
public final class Gpt2 implements AutoCloseable {
  private final Gpt2Config config;
  private final ModelDtype dtype;
  private final TensorEngine engine;
  private final Script script;
  private final List<BlockWeights> blocks = new ArrayList<>();
  private final List<Tensor> embeddings = new ArrayList<>();
  private final List<Tensor> finalNorm = new ArrayList<>();

  private Gpt2(Gpt2Config config, ModelDtype dtype, TensorEngine engine) {
    this.config = config;
    this.dtype = dtype;
    this.engine = engine;
    this.script = engine.script(Gpt2Script.METHODS);
  }

  /**
   * Opens an engine for a model that several threads run, a batch each: an operation uses one
   * thread, so that none waits for another, and its bits do not depend on how many there are.
   *
   * @throws IllegalStateException if the native libraries cannot be loaded
   */
  public static TensorEngine openEngine() {
    return LibtorchEngine.open(1);
  }

  /**
   * Opens an engine for a model on a GPU, whose activations are not those of the processor to the
   * bit.
   *
   * @param ordinal of the GPU, from 0
   * @throws IllegalStateException if the native libraries cannot be loaded or cannot use this GPU;
   *     the message is one line
   */
  public static TensorEngine openEngineOnGpu(int ordinal) {
    return LibtorchEngine.openOnGpu(ordinal);
  }

  /**
   * Loads a model from a Hugging Face directory: {@code config.json}, and {@code model.safetensors}
   * or its shards or {@code pytorch_model.bin}, in float32, float16 or bfloat16.
   *
   * @param engine where it will run; stays open when the model is closed
   * @param dtype in what it will multiply, whatever the files hold
   * @throws ModelException if a file is missing, broken, of the wrong shapes, or asks for
   *     arithmetic that is not implemented here
   */
  public static Gpt2 load(
      Path directory, TensorEngine engine, WritingWeights writing, ModelDtype dtype)
      throws ModelException {
    return load(directory, engine, writing, dtype, Integer.MAX_VALUE);
  }

  /**
   * Loads as much of a model as {@link #activations} at these hooks needs: neither the blocks after
   * the last of them nor what a whole pass ends with. Otherwise as {@link #load(Path, TensorEngine,
   * WritingWeights, ModelDtype)}.
   *
   * @param hooks at least one
   */
  public static Gpt2 loadUpTo(
      List<HookPoint> hooks,
      Path directory,
      TensorEngine engine,
      WritingWeights writing,
      ModelDtype dtype)
      throws ModelException {
    int last = hooks.stream().mapToInt(HookPoint::layer).max().orElseThrow();
    return load(directory, engine, writing, dtype, last + 1);
  }

  private static Gpt2 load(
      Path directory, TensorEngine engine, WritingWeights writing, ModelDtype dtype, int mostBlocks)
      throws ModelException {
    Gpt2Config config = config(directory);
    try (Gpt2Weights weights = Gpt2Weights.open(directory, writing)) {
      Gpt2 model = new Gpt2(config, dtype, engine);
      boolean complete = false;
      try {
        model.load(weights, Math.min(config.layers(), mostBlocks));
        complete = true;
        return model;
      } finally {
        if (!complete) {
          model.close();
        }
      }
    }
  }

  /**
   * Reads the sizes of the model in {@code directory}.
   *
   * @throws ModelException as {@link Gpt2Config#read}
   */
  public static Gpt2Config config(Path directory) throws ModelException {
    return Gpt2Config.read(directory.resolve("config.json"));
  }

  /**
   * The files of the model in {@code directory} that its activations depend on: the configuration
   * and the weights.
   *
   * @throws ModelException if the weights are missing or their index cannot be read
   */
  public static List<Path> files(Path directory) throws ModelException {
    List<Path> files = new ArrayList<>();
    files.add(directory.resolve("config.json"));
    files.addAll(Gpt2Weights.files(directory));
    return List.copyOf(files);
  }

  /** Its sizes. */
  public Gpt2Config config() {
    return config;
  }

  /**
   * The width of the activations at {@code hook}.
   *
   * @throws IllegalArgumentException if the model has no such layer
   */
  public int width(HookPoint hook) {
    return config.width(hook);
  }

  /**
   * Checks that the model takes sequences of this length.
   *
   * @throws IllegalArgumentException if it does not
   */
  private void requireContextLength(int contextLength) {
    if (contextLength < 1 || contextLength > config.positions()) {
      throw new IllegalArgumentException(
          "context length: %d (expected: 1 to the model's %d positions)"
              .formatted(contextLength, config.positions()));
    }
  }

  /**
   * Runs the model up to the last of {@code hooks} and returns what is seen at each.
   *
   * @param tokens [S, L], row-major; the sequences do not see each other
   * @param contextLength L
   * @return for each hook [S, L, width], row-major
   * @throws IllegalArgumentException if a hook, the context length or a token id is not the
   *     model's, or a result would not fit an array
   */
  public Map<HookPoint, float[]> activations(
      int[] tokens, int contextLength, List<HookPoint> hooks) {
    if (hooks.isEmpty()) {
      throw new IllegalArgumentException("hooks: none (expected: at least one)");
    }
    for (HookPoint hook : hooks) {
      if ((long) tokens.length * width(hook) > Integer.MAX_VALUE - 8) {
        throw new IllegalArgumentException(
            "batch of %d tokens: too large for hook %s of width %d (expected: at most %d tokens)"
                .formatted(
                    tokens.length, hook, width(hook), (Integer.MAX_VALUE - 8) / width(hook)));
      }
    }
    for (HookPoint hook : hooks) {
      if (hook.layer() >= blocks.size()) {
        throw new IllegalArgumentException(
            "hook %s: layer %d (expected: below the %d blocks that are loaded)"
                .formatted(hook, hook.layer(), blocks.size()));
      }
    }
    HookReader reader = new HookReader(hooks);
    Tensor left = run(tokens, contextLength, reader);
    if (left != null) {
      left.close();
    }
    return reader.activations();
  }

  /**
   * What leaves the final norm; of a model that is loaded whole, as everything but {@link
   * #activations} needs it.
   *
   * @param tokens [L], one sequence
   * @return [L, width], row-major
   */
  float[] finalStates(int[] tokens) {
    try (Tensor normed = finalNorm(tokens)) {
      float[] values = new float[Math.multiplyExact(tokens.length, config.width())];
      normed.copyTo(values);
      return values;
    }
  }

  /**
   * The scores of every token id to come next. The output matrix is the input's.
   *
   * @param tokens [L], one sequence
   * @return [vocabulary]
   */
  float[] logits(int[] tokens) {
    try (Tensor normed = finalNorm(tokens);
        Tensor logits = call("logits", normed, embeddings.get(0))) {
      float[] values = new float[config.vocabularySize()];
      logits.copyTo(values);
      return values;
    }
  }

  /**
   * Lets the model write: sequences that all begin with one token and go on with tokens drawn from
   * the model's own predictions. The same seed gives the same tokens.
   *
   * @param sequences S, at least 1
   * @param length L, 1 to the number of positions
   * @param firstToken position 0 of every sequence
   * @param temperature above 0; 1 draws from the predictions as they are, less is more likely text
   * @return [S, L], row-major
   * @throws IllegalArgumentException if one of these is out of range
   * @throws IllegalStateException if the model was loaded up to some hooks only
   */
  public int[] write(int sequences, int length, int firstToken, double temperature, long seed) {
    requireAllBlocks();
    requireContextLength(length);
    if (sequences < 1) {
      throw new IllegalArgumentException("sequences: %d (expected: >= 1)".formatted(sequences));
    }
    if (!(temperature > 0) || Double.isInfinite(temperature)) {
      throw new IllegalArgumentException("temperature: %s (expected: > 0)".formatted(temperature));
    }
    requireTokens(new int[] {firstToken});
    int[] tokens = new int[Math.multiplyExact(sequences, length)];
    long[] current = new long[sequences];
    Arrays.fill(current, firstToken);
    TokenSampler sampler = new TokenSampler(config.vocabularySize(), temperature, seed);
    try (KeyValueCache past = new KeyValueCache(config.layers())) {
      for (int position = 0; position < length; position++) {
        for (int row = 0; row < sequences; row++) {
          tokens[row * length + position] = (int) current[row];
        }
        if (position < length - 1) {
          sampler.sample(nextLogits(current, position, past), current);
        }
      }
    }
    return tokens;
  }

  @Override
  public void close() {
    blocks.forEach(BlockWeights::close);
    embeddings.forEach(Tensor::close);
    finalNorm.forEach(Tensor::close);
    script.close();
  }

  private void load(Gpt2Weights weights, int blockCount) throws ModelException {
    long width = config.width();
    long vocabulary = config.vocabularySize();
    long positions = config.positions();
    embeddings.add(engine.floats(weights.read("wte.weight", vocabulary, width), vocabulary, width));
    embeddings.add(engine.floats(weights.read("wpe.weight", positions, width), positions, width));
    for (int layer = 0; layer < blockCount; layer++) {
      blocks.add(BlockWeights.load(weights, config, dtype, layer, engine, script));
    }
    finalNorm.add(engine.floats(weights.read("ln_f.weight", width), width));
    finalNorm.add(engine.floats(weights.read("ln_f.bias", width), width));
  }

  /** [S, vocabulary]: the predictions after one more token in each sequence. */
  private float[] nextLogits(long[] tokens, int position, KeyValueCache past) {
    Tensor residual;
    try (Tensor ids = engine.longs(tokens, tokens.length, 1)) {
      residual = call("embed_at", ids, position, embeddings.get(0), embeddings.get(1));
    }
    for (int layer = 0; layer < config.layers(); layer++) {
      try (Tensor before = residual) {
        List<Tensor> after =
            script.call(
                "next_block",
                before,
                blocks.get(layer).tensors(),
                past.of(layer),
                config.heads(),
                config.layerNormEpsilon());
        residual = after.get(0);
        past.replace(layer, after.subList(1, 3));
      }
    }
    try (Tensor last = residual;
        Tensor normed = normed(last);
        Tensor logits = call("logits", normed, embeddings.get(0))) {
      float[] values = new float[Math.multiplyExact(tokens.length, config.vocabularySize())];
      logits.copyTo(values);
      return values;
    }
  }

  private void requireAllBlocks() {
    if (blocks.size() < config.layers()) {
      throw new IllegalStateException(
          "blocks: %d (expected: all %d loaded)".formatted(blocks.size(), config.layers()));
    }
  }

  private Tensor normed(Tensor residual) {
    return call("final", residual, finalNorm.get(0), finalNorm.get(1), config.layerNormEpsilon());
  }

  private Tensor finalNorm(int[] tokens) {
    requireAllBlocks();
    Tensor residual = run(tokens, tokens.length, HookReader.none());
    if (residual == null) {
      throw new IllegalStateException("a pass without hooks goes through all blocks");
    }
    try (residual) {
      return normed(residual);
    }
  }

  /** The residual stream after the last block, or null if the reader was done before. */
  private @Nullable Tensor run(int[] tokens, int contextLength, HookReader reader) {
    Tensor residual = embed(tokens, contextLength);
    for (int layer = 0; layer < config.layers() && residual != null; layer++) {
      try (Tensor before = residual) {
        residual = block(layer, before, reader);
      }
    }
    return residual;
  }

  private Tensor embed(int[] tokens, int contextLength) {
    requireContextLength(contextLength);
    if (tokens.length == 0 || tokens.length % contextLength != 0) {
      throw new IllegalArgumentException(
          "tokens: %d (expected: a positive multiple of the context length %d)"
              .formatted(tokens.length, contextLength));
    }
    requireTokens(tokens);
    long[] ids = Arrays.stream(tokens).asLongStream().toArray();
    try (Tensor indices = engine.longs(ids, ids.length / contextLength, contextLength)) {
      return call("embed", indices, embeddings.get(0), embeddings.get(1));
    }
  }

  private void requireTokens(int[] tokens) {
    for (int i = 0; i < tokens.length; i++) {
      if (tokens[i] < 0 || tokens[i] >= config.vocabularySize()) {
        throw new IllegalArgumentException(
            "token id: %d at %d (expected: below the vocabulary size %d)"
                .formatted(tokens[i], i, config.vocabularySize()));
      }
    }
  }

  /** The residual stream as it leaves the block, or null if the reader was done before. */
  private @Nullable Tensor block(int layer, Tensor residual, HookReader reader) {
    List<Tensor> weights = blocks.get(layer).tensors();
    double epsilon = config.layerNormEpsilon();
    if (reader.read(layer, HookLocation.RESID_PRE, residual)) {
      return null;
    }
    try (Tensor attention = call("attn_out", residual, weights, config.heads(), epsilon)) {
      if (reader.read(layer, HookLocation.ATTN_OUT, attention)) {
        return null;
      }
      try (Tensor middle = call("sum", residual, attention)) {
        if (reader.read(layer, HookLocation.RESID_MID, middle)) {
          return null;
        }
        Tensor mlp = mlp(layer, middle, reader);
        if (mlp == null) {
          return null;
        }
        try (mlp) {
          Tensor after = call("sum", middle, mlp);
          if (reader.read(layer, HookLocation.RESID_POST, after)) {
            after.close();
            return null;
          }
          return after;
        }
      }
    }
  }

  private @Nullable Tensor mlp(int layer, Tensor middle, HookReader reader) {
    List<Tensor> weights = blocks.get(layer).tensors();
    try (Tensor hidden = call("mlp_post", middle, weights, config.layerNormEpsilon())) {
      if (reader.wants(layer, HookLocation.MLP_POST)) {
        try (Tensor floats = call("float32", hidden)) {
          if (reader.read(layer, HookLocation.MLP_POST, floats)) {
            return null;
          }
        }
      }
      Tensor out = call("mlp_out", hidden, weights);
      if (reader.read(layer, HookLocation.MLP_OUT, out)) {
        out.close();
        return null;
      }
      return out;
    }
  }

  private Tensor call(String method, Object... arguments) {
    return script.call(method, arguments).get(0);
  }
}
