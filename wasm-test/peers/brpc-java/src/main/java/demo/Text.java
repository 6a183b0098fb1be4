package demo;

import com.baidu.bjf.remoting.protobuf.FieldType;
import com.baidu.bjf.remoting.protobuf.annotation.Protobuf;

/** A message with a text in field 1. */
public class Text {
    @Protobuf(fieldType = FieldType.STRING, order = 1, required = false)
    public String text;

    public Text() {}

    Text(String text) {
        this.text = text;
    }
}
