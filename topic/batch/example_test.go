package batch_test

import (
	"fmt"

	"waverider/topic/batch"
)

// A producer's bytes become records, the records a batch, and the batch what
// is stored and read.
func Example() {
	splitter, builder := batch.NewSplitter(batch.Lines), batch.NewBuilder(0)
	gather := func(records []byte, lengths []uint32) error {
		builder.Add(records, lengths, 1767225600000, nil)
		return nil
	}
	splitter.Split([]byte("{\"a\":1}\n\n{\"a\""), gather)
	splitter.Split([]byte(":2}\n{\"a\":3}"), gather)
	splitter.Close(gather)
	sealed := builder.Seal(batch.Header{First: 7, End: splitter.Position()})
	defer sealed.Release()

	stored, err := batch.Decode(sealed.Encoded())
	if err != nil {
		fmt.Println(err)
		return
	}
	for r := range stored.Records(8) {
		fmt.Printf("%d %s", r.Number, r.Data)
	}
	fmt.Println("next", stored.Next())
	// Output:
	// 8 {"a":2}
	// 9 {"a":3}
	// next 10
}
