package uplink

import (
	"slices"
	"time"

	"waverider"
	"waverider/link"
)

// keptRead is how long after the last reader without a name the records of a
// Topic still come from the Space.
const keptRead = 10 * time.Minute

// Reads notes that somebody reads a Topic, which may be a new one to want.
func (u *Uplink) Reads(waverider.TopicName) {
	if u == nil {
		return
	}
	select {
	case u.reads <- struct{}{}:
	default:
	}
}

// wanted is the Topics of scope space that are read, by name.
func (u *Uplink) wanted() ([]string, error) {
	names := []string{}
	if u.cfg.Topics == nil {
		return names, nil
	}
	list, err := u.cfg.Topics.Wanted(keptRead)
	if err != nil {
		return nil, err
	}
	for _, name := range list {
		if t, err := u.cfg.Topics.Topic(name); err == nil && !name.IsParked() && t.Config().Scope == waverider.ScopeSpace {
			names = append(names, string(name))
		}
	}
	slices.Sort(names)
	return names, nil
}

// reportReads tells the Space what is wanted, when it is not what was told last.
func (u *Uplink) reportReads(s *link.Session, told *[]string) {
	names, err := u.wanted()
	if err != nil {
		u.log.Error("topics that are read are not known", "err", err)
		return
	}
	fit := fitNames(names, link.ReadsMost, u.readsRoom)
	u.leavesOut(&u.readsCut, len(names)-len(fit), "more topics are read than the Space can be asked for; it sends nothing of the last ones, by name")
	names = fit
	if *told != nil && slices.Equal(names, *told) {
		return
	}
	if err := s.Send(link.MessageReads, link.Reads{Topics: names}); err == nil {
		*told = names
	}
}

// leavesOut says once, until that has passed, that a message has no room for all.
func (u *Uplink) leavesOut(said *bool, left int, words string) {
	if left > 0 && !*said {
		u.log.Warn(words, "left out", left)
	}
	*said = left > 0
}
