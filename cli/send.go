package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"waverider"
	"waverider/client"
)

func (a *app) seqPack() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "pack DIR",
		Short: "Make a package of a folder",
		Long: `Make a package of a folder: a .tar.gz with its files, package.json first among them.
What .waveriderignore and .siignore name stays out, and so does .git. The same folder
always makes the same package.`,
		Example: "  waverider seq pack ./my-program\n  waverider seq pack ./my-program --file - | wc -c",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			if file == "" {
				file = filepath.Clean(list[0]) + ".tar.gz"
				if base := filepath.Base(list[0]); base == "." || base == ".." {
					abs, err := filepath.Abs(list[0])
					if err != nil {
						return err
					}
					file = abs + ".tar.gz"
				}
			}
			if file == "-" {
				_, err := client.Pack(cmd.Context(), list[0], a.out, client.PackOptions{})
				return err
			}
			packed, err := packFile(cmd.Context(), list[0], file)
			if err != nil {
				return err
			}
			if c, err := a.connect(); err == nil {
				if abs, err := filepath.Abs(file); err == nil {
					a.remember(c, func(l *last) { l.Package = abs })
				}
			}
			value := map[string]any{"file": file, "digest": packed.Digest, "size": packed.Size, "files": packed.Files}
			if a.output == "json" || a.output == "yaml" {
				return a.show(value, nil, nil)
			}
			a.note("packed %d files, %s", packed.Files, size(float64(packed.Size)))
			_, err = fmt.Fprintln(a.out, file)
			return err
		},
	}
	cmd.Flags().StringVar(&file, "file", "", "where to write it; - is stdout (default DIR.tar.gz)")
	stdoutFlag(cmd, &file)
	_ = cmd.MarkFlagFilename("file", "tar.gz", "tgz")
	cmd.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return nil, cobra.ShellCompDirectiveFilterDirs
	}
	return cmd
}

// packFile writes a package beside its name and moves it there when whole.
func packFile(ctx context.Context, dir, file string) (packed client.Packed, err error) {
	f, err := os.CreateTemp(filepath.Dir(file), ".pack-*.tar.gz")
	if err != nil {
		return packed, fmt.Errorf("write package: %w", err)
	}
	defer os.Remove(f.Name())
	packed, err = client.Pack(ctx, dir, f, client.PackOptions{Exclude: []string{f.Name(), file}})
	if err := errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return packed, err
	}
	return packed, os.Rename(f.Name(), file)
}

// source is a package opened for sending.
type source struct {
	*os.File
	size int64
	temp bool
}

func (s *source) Close() error {
	err := s.File.Close()
	if s.temp {
		err = errors.Join(err, os.Remove(s.Name()))
	}
	return err
}

// openPackage opens what a user named: a package, or a folder, which is packed
// to a temporary file, so that its size is known and a fault in it is found
// before anything is sent.
func (a *app) openPackage(ctx context.Context, c *client.Client, word string) (*source, error) {
	path, err := a.lastPackage(c, word)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, &hinted{waverider.Errorf(waverider.NotFound, "no package or folder %s", path),
			"give a folder with a package.json, or a .tar.gz made by waverider seq pack"}
	}
	if abs, err := filepath.Abs(path); err == nil {
		a.remember(c, func(l *last) { l.Package = abs })
	}
	if info.IsDir() {
		return packTemp(ctx, path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open package: %w", err)
	}
	s := &source{File: f}
	if info.Mode().IsRegular() {
		s.size = info.Size()
	}
	return s, nil
}

func packTemp(ctx context.Context, dir string) (*source, error) {
	f, err := os.CreateTemp("", "waverider-*.tar.gz")
	if err != nil {
		return nil, fmt.Errorf("pack %s: %w", dir, err)
	}
	s := &source{File: f, temp: true}
	packed, err := client.Pack(ctx, dir, f, client.PackOptions{})
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.size = packed.Size
	return s, nil
}

// send uploads a package or a folder; id empty makes a new Sequence.
func (a *app) send(ctx context.Context, c *client.Client, word, id string) (waverider.SequenceID, error) {
	src, err := a.openPackage(ctx, c, word)
	if err != nil {
		return "", err
	}
	defer src.Close()
	bar := newProgress(a, src.size)
	p := client.Package{Body: io.NopCloser(src), Size: src.size, Progress: bar.told}
	var made waverider.SequenceID
	if id == "" {
		made, err = c.SendSequence(ctx, p)
	} else {
		made, err = c.UpdateSequence(ctx, id, p)
	}
	bar.end()
	if err != nil {
		return "", missing(err, "seq")
	}
	a.remember(c, func(l *last) { l.Sequence = string(made) })
	return made, nil
}

func (a *app) seqSend() *cobra.Command {
	return &cobra.Command{
		Use:     "send PACKAGE|DIR",
		Short:   "Give a package to the Hub",
		Long:    "Give a package, or a folder which is packed first, to the Hub. The answer is the new Sequence's id.",
		Example: "  waverider seq send my-program.tar.gz\n  waverider seq send ./my-program\n  waverider seq send -     # the package of last time",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			id, err := a.send(cmd.Context(), c, list[0], "")
			if err != nil {
				return err
			}
			a.note("start it with: waverider seq start -")
			return a.id(string(id))
		},
	}
}

func (a *app) seqUpdate() *cobra.Command {
	return &cobra.Command{
		Use:   "update SEQUENCE PACKAGE|DIR",
		Short: "Give a Sequence a new revision",
		Long: `Give a Sequence a new revision. Instances that run go on with theirs; the next start
takes the new one. "waverider inst restart" brings an Instance over.`,
		Example:           "  waverider seq update my-program ./my-program\n  waverider seq update - -",
		Args:              args(cobra.ExactArgs(2)),
		ValidArgsFunction: a.completeSequences(1, cobra.ShellCompDirectiveDefault),
		RunE: func(cmd *cobra.Command, list []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			id, err := a.lastSequence(c, list[0])
			if err != nil {
				return err
			}
			made, err := a.send(cmd.Context(), c, list[1], id)
			if err != nil {
				return err
			}
			return a.id(string(made))
		},
	}
}

func (a *app) seqDeploy() *cobra.Command {
	var f startFlags
	var update bool
	cmd := &cobra.Command{
		Use:     "deploy PACKAGE|DIR [ARGUMENT...]",
		Aliases: []string{"run"},
		Short:   "Pack, send and start a program",
		Long: `Pack (a folder), send and start a program. The answer is the Instance's id. Arguments
after the folder go to the program as strings; --args takes any JSON.`,
		Example: `  waverider seq deploy ./my-program
  waverider seq deploy ./my-program Berlin 10 --config '{"unit":"C"}'
  waverider seq deploy ./my-program --update -f   # new revision, and watch it run`,
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			req, err := f.request(list[1:])
			if err != nil {
				return err
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			var into string
			if update {
				if into, err = a.namesake(cmd.Context(), c, list[0]); err != nil {
					return err
				}
			}
			id, err := a.send(cmd.Context(), c, list[0], into)
			if err != nil {
				return err
			}
			return a.start(cmd.Context(), c, string(id), req, f.follow)
		},
	}
	f.register(a, cmd)
	cmd.Flags().BoolVar(&update, "update", false, "add a revision to the Sequence of the same name, if there is one")
	return cmd
}

// namesake is the id of the Sequence that has the name of the folder or
// package named by word; empty when there is none.
func (a *app) namesake(ctx context.Context, c *client.Client, word string) (string, error) {
	path, err := a.lastPackage(c, word)
	if err != nil {
		return "", err
	}
	name, err := client.PackageName(ctx, path)
	if err != nil || name == "" {
		return "", err
	}
	list, err := c.Sequences(ctx)
	if err != nil {
		return "", err
	}
	var found []string
	for _, s := range list {
		if sequenceName(s) == name {
			found = append(found, string(s.ID))
		}
	}
	switch len(found) {
	case 0:
		return "", nil
	case 1:
		return found[0], nil
	}
	return "", &hinted{waverider.Errorf(waverider.Conflict, "%d Sequences are named %s: %s", len(found), name, strings.Join(found, ", ")),
		"name the one to change: waverider seq update SEQUENCE " + path}
}
