package topic

import (
	"fmt"
	"strings"

	"waverider"
)

// segment is where a part of a Topic's batches is stored.
type segment struct {
	stream string
	class  string // third token of its subjects
	topic  string // fourth
}

func segmentOf(name waverider.TopicName, stream string) segment {
	class := stream
	if stream != streamSync && stream != streamAsync {
		class = "o" + stream[strings.LastIndexByte(stream, '-')+1:]
	}
	return segment{stream: stream, class: class, topic: name.Token()}
}

// ownStream names a stream that one Topic has for itself. n tells it from
// streams of earlier Topics of that name.
func ownStream(name waverider.TopicName, n uint32) string {
	return fmt.Sprintf("own-%s-%d", name.StreamToken(), n)
}

// ofTopics tells the streams of Topics from those of others on the same Bus.
func ofTopics(stream string) bool {
	return stream == streamSync || stream == streamAsync || strings.HasPrefix(stream, "own-")
}

// subjects is what its stream takes in.
func (s segment) subjects() string {
	if s.stream == s.class { // shared
		return "wr.hub." + s.class + ".*.*.*"
	}
	return s.filter()
}

// filter matches all batches of the Topic here.
func (s segment) filter() string { return "wr.hub." + s.class + "." + s.topic + ".*.*" }

// subject is where one producer's batches go.
func (s segment) subject(origin, producer string) string {
	return "wr.hub." + s.class + "." + s.topic + "." + origin + "." + producer
}

// producerOf is whose batches go to a subject.
func producerOf(subject string) string { return subject[strings.LastIndexByte(subject, '.')+1:] }
