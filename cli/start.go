package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"waverider"
	"waverider/client"
)

// startFlags are the flags of everything that starts an Instance.
type startFlags struct {
	args, config string
	id           string
	restart      string
	memory       int64
	cpu          float64
	pids, files  int
	inputTopic   string
	outputTopic  string
	inputType    string
	outputType   string
	ack          string
	readAhead    int
	follow       bool
	base         waverider.StartRequest // of --startup-config
}

var restartPolicies = []string{string(waverider.RestartNever), string(waverider.RestartOnFailure), string(waverider.RestartAlways)}

func (f *startFlags) register(a *app, cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.args, "args", "", "arguments as a JSON array, or @FILE")
	fs.StringVarP(&f.config, "config", "s", "", "configuration as a JSON object, or @FILE")
	fs.Var(startupFlag{&f.base}, "startup-config", "file with a whole start request, JSON or YAML (docs/api.md); other flags come before it")
	fs.StringVar(&f.id, "id", "", "id of the Instance, 36 characters such as a UUID")
	fs.StringVar(&f.restart, "restart", "", "when it ends by itself: "+strings.Join(restartPolicies, "|"))
	fs.Int64Var(&f.memory, "memory", 0, "memory limit in MiB")
	fs.Float64Var(&f.cpu, "cpu", 0, "CPU limit in cores, such as 0.5")
	fs.IntVar(&f.pids, "pids", 0, "limit of processes and threads")
	fs.IntVar(&f.files, "files", 0, "limit of open files")
	fs.StringVar(&f.inputTopic, "input-topic", "", "Topic that feeds the program: it goes on where it was when it is started again")
	fs.StringVar(&f.outputTopic, "output-topic", "", "Topic that its output goes to")
	fs.StringVar(&f.inputType, "input-type", "", "content type of the input Topic, if it does not exist yet: ndjson|text|binary, or in full")
	fs.StringVar(&f.outputType, "output-type", "", "content type of the output, if the program declares none")
	fs.StringVar(&f.ack, "ack", "", "when a record of the input Topic is done: auto (its output is stored) or save (the program saved)")
	fs.IntVar(&f.readAhead, "read-ahead", 0, "records of the input Topic the program may hold unfinished")
	fs.BoolVarP(&f.follow, "follow", "f", false, "show what the program puts out until it ends (Ctrl-C lets it run on)")
	f.habits(cmd)
	_ = cmd.MarkFlagFilename("startup-config", "json", "yaml", "yml")
	_ = cmd.RegisterFlagCompletionFunc("input-topic", a.completeTopicFlag)
	_ = cmd.RegisterFlagCompletionFunc("output-topic", a.completeTopicFlag)
	_ = cmd.RegisterFlagCompletionFunc("input-type", completeTypes)
	_ = cmd.RegisterFlagCompletionFunc("output-type", completeTypes)
	_ = cmd.RegisterFlagCompletionFunc("ack", cobra.FixedCompletions([]string{string(waverider.AckAuto), string(waverider.AckSave)}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("restart", cobra.FixedCompletions(restartPolicies, cobra.ShellCompDirectiveNoFileComp))
}

// request makes the request of the flags and the words after the Sequence.
func (f *startFlags) request(words []string) (waverider.StartRequest, error) {
	req, err := f.plain()
	if err != nil {
		return req, err
	}
	if err = req.Validate(); err != nil {
		return req, usage("%s", err)
	}
	given, err := jsonFlag("--args", f.args, '[')
	if err != nil {
		return req, err
	}
	config, err := jsonFlag("--config", f.config, '{')
	if err != nil {
		return req, err
	}
	if config != nil {
		req.AppConfig = config
	}
	if given != nil {
		req.Args = given
	}
	if len(words) == 0 {
		return req, nil
	}
	if given != nil {
		return req, usage("give arguments as words or with --args, not both")
	}
	req.Args, err = json.Marshal(words)
	return req, err
}

// plain is what the flags say but for JSON, over the request of the file.
func (f *startFlags) plain() (waverider.StartRequest, error) {
	req := f.base
	set(&req.InstanceID, waverider.InstanceID(f.id))
	set(&req.Restart, waverider.RestartPolicy(f.restart))
	set(&req.InputTopic, f.inputTopic)
	set(&req.OutputTopic, f.outputTopic)
	set(&req.Ack, waverider.Ack(f.ack))
	set(&req.ReadAhead, f.readAhead)
	set(&req.Limits.Memory, f.memory)
	set(&req.Limits.CPU, f.cpu)
	set(&req.Limits.PIDs, f.pids)
	set(&req.Limits.Files, f.files)
	inputType, err := contentType("--input-type", f.inputType)
	if err != nil {
		return req, err
	}
	outputType, err := contentType("--output-type", f.outputType)
	if err != nil {
		return req, err
	}
	set(&req.InputType, inputType)
	set(&req.OutputType, outputType)
	return req, nil
}

// set gives to what value is, unless it is nothing.
func set[T comparable](to *T, value T) {
	var none T
	if value != none {
		*to = value
	}
}

// jsonFlag reads a flag that holds JSON, or @FILE where it is.
func jsonFlag(name, text string, first byte) (json.RawMessage, error) {
	if text == "" {
		return nil, nil
	}
	if path, ok := strings.CutPrefix(text, "@"); ok {
		data, err := jsonFile(path)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		text = string(data)
	}
	text = strings.TrimSpace(text)
	want := map[byte]string{'[': "array, such as '[\"a\", 1]'", '{': "object, such as '{\"a\": 1}'"}[first]
	if text == "" || text[0] != first || !json.Valid([]byte(text)) {
		return nil, usage("%s is not a JSON %s", name, want)
	}
	return json.RawMessage(text), nil
}

// jsonFile reads a file as JSON, also where its name says that it is YAML.
func jsonFile(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if ext := filepath.Ext(path); err != nil || ext != ".yaml" && ext != ".yml" {
		return data, err
	}
	var value any
	if err := yaml.Unmarshal(data, &value); err != nil {
		return nil, fmt.Errorf("%s: %s", path, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	return json.Marshal(value)
}

// startupFlag takes a start request from a file.
type startupFlag struct{ base *waverider.StartRequest }

func (startupFlag) Type() string   { return "file" }
func (startupFlag) String() string { return "" }

func (s startupFlag) Set(path string) error {
	data, err := jsonFile(path)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields() // it would be a setting silently lost
	if err := dec.Decode(s.base); err != nil {
		return fmt.Errorf("%s: %s", path, strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

func (a *app) seqStart() *cobra.Command {
	var f startFlags
	cmd := &cobra.Command{
		Use:   "start SEQUENCE [ARGUMENT...]",
		Short: "Start an Instance of a Sequence",
		Long: `Start an Instance of a Sequence. The answer is the Instance's id. Arguments after the
Sequence go to the program as strings; --args takes any JSON.`,
		Example: `  waverider seq start my-program
  waverider seq start - Berlin 10
  waverider seq start my-program --args '["Berlin", 10]' --config @settings.json
  waverider seq start my-program --restart always --memory 256 --cpu 0.5
  waverider seq start my-program --input-topic prices --output-topic alarms
  waverider seq start my-program -f          # and watch it run`,
		Args:              args(cobra.MinimumNArgs(1)),
		ValidArgsFunction: a.completeSequences(1, cobra.ShellCompDirectiveDefault),
		RunE: func(cmd *cobra.Command, list []string) error {
			req, err := f.request(list[1:])
			if err != nil {
				return err
			}
			c, s, err := a.findSequence(cmd.Context(), list[0])
			if err != nil {
				return err
			}
			a.remember(c, func(l *last) { l.Sequence = string(s.ID) })
			which := list[0] // NAME@VERSION is more than the Sequence
			if which == lastWord {
				which = string(s.ID)
			}
			return a.start(cmd.Context(), c, which, req, f.follow)
		},
	}
	f.register(a, cmd)
	return cmd
}

// start starts an Instance and says its id, or follows it.
func (a *app) start(ctx context.Context, c *client.Client, sequence string, req waverider.StartRequest, follow bool) error {
	made, err := c.StartSequence(ctx, sequence, req)
	if err != nil {
		if id := failedInstance(err); id != "" {
			a.remember(c, func(l *last) { l.Instance = id })
		}
		return startFailed(err)
	}
	id := string(made)
	a.remember(c, func(l *last) { l.Instance = id })
	if follow {
		a.note("Instance %s", id)
		return a.attach(ctx, c, id, false)
	}
	a.note("see its output with: waverider inst output -")
	return a.id(id)
}

// startFailed says where the program's own words are.
func startFailed(err error) error {
	if id := failedInstance(err); id != "" {
		return &hinted{err, "its words: waverider inst logs " + id + ", waverider inst stderr " + id}
	}
	return missing(err, "seq")
}

// failedInstance is the Instance that a failed start has left, if it did.
func failedInstance(err error) string {
	var e *waverider.Error
	if !errors.As(err, &e) {
		return ""
	}
	id, _ := e.Detail["id"].(string)
	return id
}
