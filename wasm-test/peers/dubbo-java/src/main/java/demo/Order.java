package demo;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A value with every kind of field, a reference to itself included, for the serialization. */
public class Order implements Serializable {
    public enum Kind {
        SMALL,
        LARGE
    }

    public long id;
    public String name;
    public double price;
    public boolean paid;
    public Date at;
    public List<String> tags = new ArrayList<>();
    public Map<String, Integer> quantities = new LinkedHashMap<>();
    public Order parent;
    public byte[] blob;
    public Kind kind;

    /** An order that is its own parent. */
    public static Order sample() {
        Order order = new Order();
        order.id = 7;
        order.name = "订单";
        order.price = 12.5;
        order.paid = true;
        order.at = new Date(1_700_000_000_000L);
        order.tags.add("first");
        order.quantities.put("apple", 3);
        order.parent = order;
        order.blob = new byte[] {1, 2, 3};
        order.kind = Kind.LARGE;
        return order;
    }
}
